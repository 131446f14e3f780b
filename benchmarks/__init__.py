"""How fast it is, how much it takes, and whether that is within its bounds: `python -m benchmarks --help`.

What can be a ratio inside one run is one, its halves measured in turns, since the machine may be slow or busy
with something else. A bound counts at the size that it is stated for; smaller runs tell the figures alone.
"""
