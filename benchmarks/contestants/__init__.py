"""Three programs of the same shape, compared: the floor, the plain one, and ours."""
