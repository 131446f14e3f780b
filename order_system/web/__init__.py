"""Pages and API over the order book: `python starter.py serve`. Only that command imports this package. It
needs the extra `[web]`."""
