"""The Temporal server: reaching it, registering what it must know, asking what it sees; an embedded one."""
