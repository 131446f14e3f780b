"""What implements the Protocols of `domain/gateways.py`: the simulated world, and HTTP to one of yours."""
