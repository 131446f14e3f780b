"""The gateways of `domain/gateways.py`: the simulated world, HTTP, Stripe, SMTP. Start at `loading.py`."""
