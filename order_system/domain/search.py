"""What a text in the search box may mean: a part of an order's ID, a workflow's ID, a tracking number, a
gateway's ID of a charge, an amount, or a customer's e-mail. Orders that fit any of these are found."""

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from unicodedata import category, normalize

from order_system.domain.ids import is_order_id, order_of_workflow
from order_system.domain.money import InvalidAmount, circulating_currencies, parse_amount
from order_system.domain.payment_methods import made_elsewhere

LONGEST = 200
"""The most characters that a text to look for may have."""

_AMOUNT = re.compile(
    r"(?:(?P<before>[A-Za-z]{3})\s*)?(?P<amount>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d[\d.]*)(?:\s*(?P<after>[A-Za-z]{3}))?",
    re.ASCII,
)


class Kind(StrEnum):
    PART_OF_ID = "part of an order's ID"
    ORDER_ID = "order_id"
    TRACKING_NUMBER = "tracking_number"
    CHARGE_ID = "charge_id"
    EMAIL = "email_hash"
    AMOUNT = "amount"


@dataclass(frozen=True)
class Meaning:
    kind: Kind
    text: str = ""
    """A part of an ID is in small letters, an e-mail in its normal form, any other text as it was typed."""
    amount: int = 0
    """In minor units of any of the `currencies`."""
    currencies: frozenset[str] = frozenset()


def meanings_of(text: str) -> tuple[Meaning, ...]:
    """Return all that a text may mean; nothing if no order can fit it."""
    text = text.strip()
    if not text.isprintable() or len(text) > LONGEST:  # no database keeps that
        return ()
    if "@" in text:
        return (Meaning(Kind.EMAIL, normal_email(text)),)
    return tuple(_meanings(text.partition(":")[2] if made_elsewhere(text) else text))


def normal_email(email: str) -> str:
    """Return one form for all the ways to write an address, whatever its case and the blanks around it."""
    return normalize("NFC", email.strip()).casefold()


def _meanings(text: str) -> Iterator[Meaning]:
    if is_order_id(text) or is_order_id(f"0{text}"):  # a part may begin with a hyphen, a whole ID may not
        yield Meaning(Kind.PART_OF_ID, text.lower())
    if order_id := order_of_workflow(text):
        yield Meaning(Kind.ORDER_ID, order_id)
    yield Meaning(Kind.TRACKING_NUMBER, text)
    yield Meaning(Kind.CHARGE_ID, text)
    # A sign such as `$` is that of many currencies: it chooses none.
    if found := _AMOUNT.fullmatch("".join(each for each in text if category(each) != "Sc").strip()):
        yield from _amounts(found["amount"].replace(",", ""), found["before"] or found["after"])


def _amounts(text: str, currency: str | None) -> Iterator[Meaning]:
    """`10.00` is 1000 minor units of most currencies, 10000 of some, and no amount of yen."""
    meant: dict[int, set[str]] = defaultdict(set)
    for each in [currency.upper()] if currency else circulating_currencies():
        with suppress(InvalidAmount):
            meant[parse_amount(text, each)].add(each)
    for amount, currencies in meant.items():
        yield Meaning(Kind.AMOUNT, amount=amount, currencies=frozenset(currencies))
