"""The warehouse: every version of every accepted value with its origin, one writer, published read-only generations.

The only room that opens the warehouse file. Modules: `store` (lock and writer), `loading` (deliveries), `results`
(computed tables, framework tables, runs), `publishing` and `snapshot` (generations for readers), `lineage` (from a
number back to its cells). Nothing here knows a variable, a dimension or a region by name.
"""
