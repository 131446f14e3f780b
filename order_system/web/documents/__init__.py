"""What the API answers and the pages draw: documents of orders, batches, answers and events."""
