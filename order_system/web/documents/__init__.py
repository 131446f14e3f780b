"""The documents that the API returns and the pages draw: of orders, batches, answers and events."""
