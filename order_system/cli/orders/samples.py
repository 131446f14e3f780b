"""The five orders that `python starter.py` submits: believable, valid, and different in what they show.

`samples.jsonl` has them: an order of the README; one without a region, with a fee and a discount; currencies
without decimals and with three; one with many lines and everything that a bill can have.
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from order_system.domain.order import Order
from order_system.intake.reader import read_orders

SAMPLE_PREFIX = "ORDER-"

_FILE = Path(__file__).with_name("samples.jsonl")
_SAMPLE_ID = re.compile(SAMPLE_PREFIX + r"([0-9]{1,12})", re.ASCII)


def sample_orders(first_number: int) -> list[Order]:
    """The samples under `ORDER-<first_number>` and the numbers that follow, of three digits at least."""
    return [
        order.model_copy(update={"order_id": sample_id(number)})
        for number, order in enumerate(_samples(), first_number)
    ]


def sample_id(number: int) -> str:
    return f"{SAMPLE_PREFIX}{number:03d}"


def next_sample_number(existing_ids: Iterable[str]) -> int:
    """One more than the largest number in use; IDs of other kinds do not count. 1 if there is none."""
    numbers = (int(match[1]) for match in map(_SAMPLE_ID.fullmatch, existing_ids) if match)
    return max(numbers, default=0) + 1


@cache
def _samples() -> list[Order]:
    return read_orders(_FILE.read_bytes(), _FILE.name)
