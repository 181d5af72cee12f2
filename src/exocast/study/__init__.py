"""What a set of runs says: results on disk, their summary, sensitivity and trials."""
