"""What a process of ours stands on: settings, log, database, Temporal server, and other processes. It knows
names and errors, and no order, no batch."""
