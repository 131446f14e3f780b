"""What implements `domain/gateways.py`: the simulated world, HTTP, Stripe, SMTP. Begin at `loading.py`."""
