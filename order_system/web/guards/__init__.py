"""What every request passes: who may, how much, how slowly, and which headers the answer gets."""
