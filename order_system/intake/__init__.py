"""Reading orders strictly: texts and documents of people in, `domain.order.Order` out, or every mistake at
once, with its place and its rule and never with what was found there. `reader.py` is where to begin."""
