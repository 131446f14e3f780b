"""The order book over SQL. `order_book.py` explains what makes an effect single and an undo final; the rest
is its tables, its queries and its pages for batches, lists and the reconciler. Only `bootstrap.py` imports
it."""
