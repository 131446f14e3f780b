"""The guards that every request passes: access, limits on size and time, and the headers of the answer."""
