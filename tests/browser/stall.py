"""What the tests in a browser begin with."""

from dataclasses import dataclass

from tests.fixtures.web.web import WebShop


@dataclass(frozen=True)
class Stall:
    """A shop that is open, with its pages on a port of this machine."""

    shop: WebShop
    port: int
