"""How fast this house is, beside others and beside what the machine can do at all."""
