"""Commands that show what waits for a person, and that answer it."""
