"""The sample orders are those of the README, and pass the strict reader that everybody's pass."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_system.cli.orders.samples import next_sample_number, sample_orders
from order_system.domain.errors import InvalidOrder
from order_system.domain.order import OrderLine
from order_system.intake.reader import order_document, read_orders

EXAMPLES = Path(__file__).parents[3] / "examples"


def test_the_first_one_is_the_order_of_the_exercise() -> None:
    first = sample_orders(1)[0]

    assert first.order_id == "ORDER-001"
    assert first.total == 105997
    assert first.lines == (
        OrderLine(sku="LAPTOP-789", quantity=1, unit_price=99999),
        OrderLine(sku="MOUSE-321", quantity=2, unit_price=2999),
    )


def test_there_are_five_under_consecutive_numbers() -> None:
    assert [order.order_id for order in sample_orders(998)] == [
        "ORDER-998",
        "ORDER-999",
        "ORDER-1000",
        "ORDER-1001",
        "ORDER-1002",
    ]


def test_they_differ_in_currency_and_in_size() -> None:
    samples = sample_orders(1)

    assert {order.currency for order in samples} == {"USD", "EUR", "JPY", "KWD"}
    assert max(len(order.lines) for order in samples) == 5
    assert any(order.discount and order.tax and order.shipping_fee for order in samples)


@given(st.integers(1, 10**9))
def test_they_pass_the_strict_reader_whatever_their_number(first: int) -> None:
    samples = sample_orders(first)
    assert read_orders(json.dumps([order_document(order) for order in samples]), "samples") == samples


@pytest.mark.parametrize("name", ["orders.json", "orders.jsonl"])
def test_the_examples_are_the_samples(name: str) -> None:
    assert read_orders((EXAMPLES / name).read_bytes(), name) == sample_orders(1)


def test_the_invalid_example_shows_ten_mistakes() -> None:
    with pytest.raises(InvalidOrder) as refused:
        read_orders((EXAMPLES / "invalid.json").read_bytes(), "invalid.json")

    assert len(str(refused.value).splitlines()) == 10
    assert "4242" not in str(refused.value)


@pytest.mark.parametrize(
    ("existing", "following"),
    [
        ([], 1),
        (["ORDER-001"], 2),
        (["ORDER-005", "ORDER-002"], 6),
        (["ORDER-0041", "ORDER-999"], 1000),
        (["order-7", "ORDER-", "ORDER-7a", "XORDER-7", "ORDER-\u0667", "ORDER-7\n", "bulk-00001"], 1),
        ([f"ORDER-{'9' * 58}"], 1),
    ],
)
def test_the_next_number_is_one_more_than_the_largest(existing: list[str], following: int) -> None:
    assert next_sample_number(existing) == following


@given(st.sets(st.integers(1, 10**6)))
def test_the_next_number_is_free_and_so_are_the_following(used: set[int]) -> None:
    existing = {f"ORDER-{number:03d}" for number in used}
    fresh = {order.order_id for order in sample_orders(next_sample_number(existing))}
    assert not fresh & existing
