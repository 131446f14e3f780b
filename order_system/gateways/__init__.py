"""What implements `domain/gateways.py`: the simulated world, HTTP, Stripe, SMTP; and the receiver of webhooks.
Begin at `loading.py`."""
