"""What a number is worth: rows with provenance, grades, sources, and the draws made from them."""
