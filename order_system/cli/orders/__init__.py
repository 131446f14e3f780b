"""Commands about orders, and the sample orders."""
