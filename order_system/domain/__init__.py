"""What orders, batches, answers, the book and the gateways are: models, and Protocols for what is needed from
outside. Workflows and activities import nothing else of `order_system`, so no module in here opens a file, a
socket or a database. `policy.py` has all their limits, `errors.py` everything that can go wrong."""
