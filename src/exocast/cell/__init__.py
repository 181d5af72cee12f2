"""The cell: what gets in, what of it acts, and whether that is enough."""
