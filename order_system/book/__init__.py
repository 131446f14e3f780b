"""The order book over SQL: `order_book.SqlOrderBook` is all of it. Its module explains what makes an effect
happen once and an undo final; the rest is tables, queries, batches, lists and the reconciler's part."""
