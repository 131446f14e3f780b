"""The outside world, for as long as you have none: four gateways over one database, random faults that a seed
replays, and stories to play. `loading.py` opens it by its name; only who plays the stories imports it."""
