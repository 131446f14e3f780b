"""Payments by Stripe, with the extra `stripe`. `docs/gateways.md` tells what it asks of your account."""
