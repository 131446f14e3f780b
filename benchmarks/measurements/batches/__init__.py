"""Speed and histories of batches."""
