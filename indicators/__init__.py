"""How numbers are made: formulas compiled to one set-based pass, gaps, confidentiality. Data and SQL in, data out."""
