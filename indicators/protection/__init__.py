"""Protection of a whole release: which figures stay hidden so that no small number can be worked out.

`problem` builds one linear problem of everything that is published, `protect` proposes what to hide and proves it with
witness tables, `verify` checks the proof with whole numbers alone, `ledger` remembers what earlier releases told.
"""
