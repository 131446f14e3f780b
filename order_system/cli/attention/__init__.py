"""What waits for a person, and the commands that answer it."""
