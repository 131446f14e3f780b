"""Payloads are sealed before they reach the Temporal server: `ring` has the keys, `codec` seals and opens.
Only `codec` needs the extra `crypto`, so it is imported only if ORDER_KEYS is set."""
