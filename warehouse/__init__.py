"""The warehouse: every version of every accepted value with its origin, one writer, published read-only generations.

The only room that opens the warehouse file. Modules: `store` (lock and writer), `loading` (deliveries), `withdrawals` and
`corrections` (both rest on `history`: which values count), `results` (computed tables, framework tables, runs),
`publishing` and `snapshot` (generations for readers), `lineage` (from a number back to its cells), `revisions` (why
numbers changed), `migrations`, `backup`, `restoring` and `compacting` (care of the file). Nothing here knows a variable, a
dimension or a region by name.
"""
