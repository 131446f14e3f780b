"""A kit that plays the promises of `domain/gateways.py` on a real gateway, by `starter.py gateways check` or
in pytest. It makes real charges, reservations, labels and mail; their keys begin with GATEWAY-CHECK."""

from order_system.testing.checking import Verdict, check
from order_system.testing.playing import Options

__all__ = ["Options", "Verdict", "check"]
