"""Payments by Stripe. Needs the extra `stripe`. `docs/gateways.md` tells what your account needs."""
