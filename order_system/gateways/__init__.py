"""What implements the Protocols of `domain/gateways.py`. So far that is the simulated outside world alone."""
