"""What every request passes: who may do what, how much it may send and how slowly, and what is done to the
answer."""
