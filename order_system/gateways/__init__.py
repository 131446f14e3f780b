"""What implements the Protocols of `domain/gateways.py`: the simulated world, Stripe, SMTP, and HTTP to a
service of yours. And the receiver of webhooks."""
