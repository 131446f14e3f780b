"""Commands about files of orders, and the batches that run them."""
