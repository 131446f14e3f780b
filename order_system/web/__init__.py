"""Pages and API over the order book: `python starter.py serve`. An extra of its own, `[web]`; nothing but
that command imports it."""
