"""The chips above a list of orders: how many there are of each status, and the way to see those alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from order_system.domain.listing import LineStatus
from order_system.domain.messages import OrderStatus
from order_system.web.pages.visit import address
from order_system.web.pages.words import in_words


@dataclass(frozen=True)
class Chip:
    words: str
    look: str
    number: int
    address: str
    chosen: bool


def chips(
    numbers: Mapping[OrderStatus, int] | Mapping[LineStatus, int],
    total: int,
    *,
    path: str,
    kept: Mapping[str, str],
    chosen: str,
) -> Iterator[Chip]:
    """One for all, and one for each status; `kept` are the other filters, which a chip leaves as they are."""
    yield Chip("all", "", total, address(path, kept), not chosen)
    for status, number in numbers.items():
        there = address(path, {"status": status, **kept})
        yield Chip(in_words(status), status, number, there, chosen == status)
