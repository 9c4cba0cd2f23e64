"""What people read: from published values to pages. Opens no database and no delivery, it is handed data frames."""
