"""Payloads are sealed before they reach the Temporal server: `ring` has the keys, `codec` seals and opens.
Only `codec` needs the extra `crypto`; it is imported where ORDER_KEYS is set."""
