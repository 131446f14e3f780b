"""What is answered and drawn: documents of orders, batches, answers and events."""
