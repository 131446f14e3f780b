"""Pages about batches."""
