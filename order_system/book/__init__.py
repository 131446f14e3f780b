"""The order book over SQL: `order_book.SqlOrderBook` is all of it. Its module explains what makes an effect
single and an undo final; the rest is tables, queries, and pages for batches, lists and the reconciler."""
