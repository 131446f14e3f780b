"""Reads orders strictly: turns texts and documents of people into `domain.order.Order`, or reports every
mistake at once, with its place and its rule and never with what was found there. Start at `reader.py`."""
