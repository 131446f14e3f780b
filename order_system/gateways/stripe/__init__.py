"""Payments by Stripe: `ORDER_PAYMENTS=stripe`, with the extra `stripe`. `docs/gateways.md` tells what it asks
of your account."""
