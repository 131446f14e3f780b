"""Card numbers are found however people write them; what only looks like one is left alone."""

import json
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_system.domain.card_numbers import holds_card_number

# The networks' published test numbers.
TEST_CARDS = {
    "Visa": "4242424242424242",
    "Visa of 13": "4222222222222",
    "Mastercard": "5555555555554444",
    "Mastercard of the 2 series": "2223003122003222",
    "American Express": "378282246310005",
    "Discover": "6011111111111117",
    "Diners Club": "30569309025904",
    "JCB": "3566002020360505",
    "UnionPay": "6200000000000005",
    "Maestro": "6759649826438453",
}


@pytest.mark.parametrize("number", TEST_CARDS.values(), ids=TEST_CARDS)
def test_every_network_is_known(number: str) -> None:
    assert holds_card_number(number)


@pytest.mark.parametrize(
    "value",
    [
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "4242.4242_4242/4242",
        "4242 - 4242 - 4242 - 4242",
        "+4242 4242 4242 4242",
        "+49 4242 4242 4242 4242",
        "pay with 4242 4242 4242 4242 please",
        "flat 12, 4242 4242 4242 4242, 12/29",
        "card4242424242424242x",
        "3782 822463 10005",
        "\uff14\uff12" * 8,  # full-width
        "\u0664\u0662" * 8,  # Arabic-Indic
        "4242\u200b4242\u200b4242\u200b4242",
        4242424242424242,
        {"4242424242424242": 1},
        {"a": [{"b": "4242424242424242"}]},
    ],
)
def test_however_it_is_written(value: object) -> None:
    assert holds_card_number(value)


@pytest.mark.parametrize(
    "value",
    [
        "4242424242424241",  # Luhn
        "1234567890123452",  # no network's
        "424242424242",  # too short
        "42424242424242424242424",  # too long
        "4242a4242b4242c4242",
        "ORDER-20251122093000",
        "1 Main St, 97201",
        "",
        None,
        True,
        4.2,
        pytest.param(10**5000, id="huge"),
    ],
)
def test_other_numbers_are_let_through(value: object) -> None:
    assert not holds_card_number(value)


SIGNS = ["", " ", "-", ".", " - ", "/"]
WORDS = st.text(alphabet=st.characters(categories=["L"]))


@given(
    st.sampled_from(sorted(TEST_CARDS.values())),
    st.sampled_from(SIGNS).flatmap(lambda sign: st.lists(st.sampled_from(["", sign]), min_size=19)),
    WORDS,
    WORDS,
)
def test_one_separator_anywhere_and_any_words_around(
    number: str, between: list[str], before: str, after: str
) -> None:
    spaced = "".join(digit + gap for digit, gap in zip(number, between, strict=False))
    assert holds_card_number(f"{before} {spaced} {after}".strip())


@given(
    st.sampled_from(sorted(TEST_CARDS.values())),
    st.lists(st.tuples(st.integers(3, 8), st.sampled_from(SIGNS)), min_size=6),
)
def test_any_separators_between_groups_of_three_or_more(number: str, groups: list[tuple[int, str]]) -> None:
    spaced, rest = "", number
    for size, sign in groups:
        end = size if len(rest) >= size + 3 else len(rest)
        spaced, rest = f"{spaced}{sign if spaced else ''}{rest[:end]}", rest[end:]
    assert holds_card_number(spaced)


def test_nesting_beyond_recursion() -> None:
    nested: object = "4242424242424242"
    for _ in range(100_000):
        nested = [nested]
    assert holds_card_number(nested)


def test_a_whole_document() -> None:
    assert not holds_card_number(json.loads('{"order_id": "ORDER-001", "total": "1059.97"}'))


def test_the_time_grows_with_the_length_of_a_text_and_not_with_its_square() -> None:
    def spent(groups: int) -> float:
        began = process_time()
        assert not holds_card_number("1234567 " * groups)
        return process_time() - began

    assert spent(80_000) < 20 * spent(10_000)
