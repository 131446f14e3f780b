"""What every request passes: who may do what, how much it may send and how slowly, and the headers of the
answer."""
