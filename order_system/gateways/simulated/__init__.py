"""A simulated outside world, until you have a real one: four gateways over one database, random faults that a
seed replays, and scenarios. `loading.py` opens it by name; only code that plays scenarios imports it."""
