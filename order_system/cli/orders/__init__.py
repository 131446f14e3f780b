"""Commands about orders: submit, status, children; and the sample orders."""
