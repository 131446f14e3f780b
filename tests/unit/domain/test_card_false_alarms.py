"""How often innocent numbers are taken for card numbers where they stand, and that no card number slips
through a note. All made up, from one seed."""

import random
from collections.abc import Callable

import pytest

from order_system.domain.card_numbers import holds_card_number, identifier_holds_card_number

INNOCENT, CARDS = 5_000, 2_000
AT_MOST = 0.001
"""Refused, of each kind."""

Make = Callable[[random.Random], str]


def digits(rng: random.Random, count: int, first: str = "0123456789") -> str:
    return first[int(rng.random() * len(first))] + (
        f"{rng.randrange(10 ** (count - 1)):0{count - 1}}" if count > 1 else ""
    )


def barcode(rng: random.Random, length: int) -> str:
    """EAN and GTIN: the last digit checks the others, whose weights are 3 and 1 from the right."""
    body = digits(rng, length - 1)
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return body + str(-total % 10)


def in_fours(number: str, sign: str = " ") -> str:
    return sign.join(number[start : start + 4] for start in range(0, len(number), 4))


IDENTIFIERS: dict[str, Make] = {
    "Amazon": lambda rng: f"{digits(rng, 3)}-{digits(rng, 7)}-{digits(rng, 7)}",
    "Amazon, a Spanish shop's": lambda rng: f"40{digits(rng, 1, '4567')}-{digits(rng, 7)}-{digits(rng, 7)}",
    "EAN-8": lambda rng: barcode(rng, 8),
    "EAN-12": lambda rng: barcode(rng, 12),
    "EAN-13": lambda rng: barcode(rng, 13),
    "EAN-13, a German one": lambda rng: f"4{digits(rng, 12)}",
    "EAN-14": lambda rng: barcode(rng, 14),
    "EAN-13 in groups": lambda rng: f"{digits(rng, 1)} {digits(rng, 6)} {digits(rng, 6)}",
    "Shopify order": lambda rng: digits(rng, 13, "456"),
    "Shopify variant": lambda rng: digits(rng, 14, "34"),
    "Etsy": lambda rng: digits(rng, 10, "123"),
    "eBay item": lambda rng: digits(rng, 12, "1234"),
    "eBay order": lambda rng: f"{digits(rng, 2)}-{digits(rng, 5)}-{digits(rng, 5)}",
    "eBay transaction": lambda rng: f"{digits(rng, 12, '1234')}-{digits(rng, 13)}",
    "phone": lambda rng: f"+{digits(rng, rng.randint(10, 14), '123456789')}",
    "phone in groups": lambda rng: (
        f"+{digits(rng, 2, '3456')} {digits(rng, 4)} {digits(rng, 4)} {digits(rng, 4)}"
    ),
    "UPS": lambda rng: f"1Z{digits(rng, 16)}",
    "USPS": lambda rng: f"9{digits(rng, 21, '2345')}",
    "USPS in fours": lambda rng: in_fours(f"9{digits(rng, 21, '2345')}"),
    "FedEx": lambda rng: digits(rng, 12),
    "DHL": lambda rng: rng.choice((digits(rng, 10), f"JJD{digits(rng, 18, '0')}")),
    "DPD": lambda rng: digits(rng, 14),
    "parcels of all lengths": lambda rng: digits(rng, rng.choice((10, 11, 12, 13, 14, 15, 18, 20, 22))),
    "a post's (S10)": lambda rng: f"R{rng.choice('ABCR')}{digits(rng, 9)}DE",
    "Amazon's own parcels": lambda rng: f"TBA{digits(rng, 12)}",
}


@pytest.mark.parametrize("make", IDENTIFIERS.values(), ids=IDENTIFIERS)
def test_of_innocent_identifiers_hardly_one_is_refused(make: Make) -> None:
    rng = random.Random(13)
    refused = sum(identifier_holds_card_number(make(rng)) for _ in range(INNOCENT))
    assert refused <= AT_MOST * INNOCENT


NOTES: dict[str, Make] = {
    "a house in Colombia, and a telephone": lambda rng: (
        f"Cra {rng.randint(1, 200)} # {rng.randint(1, 99)}-{rng.randint(1, 99)}, 3{digits(rng, 9)}"
    ),
    "the same, in groups": lambda rng: (
        f"Cl {rng.randint(1, 200)} No. {rng.randint(1, 99)} - {rng.randint(1, 99)} "
        f"(3{digits(rng, 2)} {digits(rng, 3)} {digits(rng, 4)})"
    ),
    "a company in Brazil": lambda rng: (
        f"CNPJ {digits(rng, 2)}.{digits(rng, 3)}.{digits(rng, 3)}/000{rng.randint(1, 9)}-{digits(rng, 2)}"
    ),
    "a person in Brazil, and a telephone": lambda rng: (
        f"{digits(rng, 3)}.{digits(rng, 3)}.{digits(rng, 3)}-{digits(rng, 2)}, "
        f"11 9{digits(rng, 4)}-{digits(rng, 4)}"
    ),
    "a telephone in Germany": lambda rng: f"Tel. +49 1{digits(rng, 2, '567')} {digits(rng, 8)}",
    "a taxpayer in Argentina": lambda rng: f"30-{digits(rng, 8)}-{digits(rng, 1)} 1{digits(rng, 9)}",
}


@pytest.mark.parametrize("make", NOTES.values(), ids=NOTES)
def test_of_innocent_numbers_in_an_address_hardly_one_is_refused(make: Make) -> None:
    rng = random.Random(13)
    refused = sum(holds_card_number(make(rng)) for _ in range(INNOCENT))
    assert refused <= AT_MOST * INNOCENT


def test_a_plain_run_of_16_digits_is_still_taken_for_a_card_number_as_often_as_said() -> None:
    rng = random.Random(13)
    refused = sum(identifier_holds_card_number(digits(rng, 16)) for _ in range(INNOCENT))
    assert INNOCENT // 26 < refused < INNOCENT // 22


FOURS, AS_AMEX, AS_DINERS = (4, 4, 4, 4), (4, 6, 5), (4, 6, 4)
NETWORKS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "Visa": (("4",), FOURS),
    "Mastercard": (("51", "55", "2221", "2720"), FOURS),
    "American Express": (("34", "37"), AS_AMEX),
    "Discover": (("6011", "644", "65"), FOURS),
    "Diners Club": (("300", "305", "36", "38"), AS_DINERS),
    "JCB": (("3528", "3589"), FOURS),
    "UnionPay": (("62", "81"), FOURS),
    "Maestro": (("5018", "6304", "6759"), FOURS),
}


def card(rng: random.Random, network: str) -> list[str]:
    """The groups of a made-up number."""
    beginnings, groups = NETWORKS[network]
    first = rng.choice(beginnings)
    body = first + digits(rng, sum(groups) - len(first) - 1)
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in body[::-2])
    number = body + str(-(doubled + sum(map(int, body[-2::-2]))) % 10)
    return [number[sum(groups[:place]) :][:size] for place, size in enumerate(groups)]


@pytest.mark.parametrize("network", NETWORKS)
def test_in_a_note_every_card_number_is_found_and_in_an_identifier_as_cards_are_written(network: str) -> None:
    rng = random.Random(13)
    for _ in range(CARDS // len(NETWORKS)):
        groups = card(rng, network)
        for sign in ("", " ", "-", ".", " - "):
            assert holds_card_number(f"please take {sign.join(groups)}, {digits(rng, 2)}/29")
        for sign in (" ", "-", ".", *([] if network == "Diners Club" else [""])):
            assert identifier_holds_card_number(sign.join(groups))
            assert identifier_holds_card_number(f"ORDER-{sign.join(groups)}_x")
            assert identifier_holds_card_number(sign.join([*groups, "123"]) if sign else "".join(groups))
