"""What may be said: the framework as data, regions in time, the contract. Opens no database and no workbook."""
