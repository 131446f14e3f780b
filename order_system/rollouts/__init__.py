"""Rolling out a new build of the workers: whether it can go on with open workflows (`gate`), and moving those
to it that wait on an older build (`moving`). Temporal itself decides which share of new orders it gets."""
