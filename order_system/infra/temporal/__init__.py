"""The Temporal server: connecting to it, registering what it must know, asking what it sees, and an embedded
one."""
