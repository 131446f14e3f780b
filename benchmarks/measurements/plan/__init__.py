"""Planning a file of orders."""
