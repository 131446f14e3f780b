"""Thousands of orders' lives, in orders of events that nobody thought of."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties import planted_bugs
from tests.properties.bench import Bench, a_bench
from tests.properties.order_machine import OrderMachine

EXAMPLES_AMONG_ALL_OTHER_TESTS = 20
EXAMPLES_TO_FIND_A_BUG = 200
SEEDS = (2, 3, 4, 5)
"""By the first of them each bug is found among the first lives, mostly: what Hypothesis draws goes by the
constants of all modules that a process has imported, too."""


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with a_bench() as bench:
        yield bench


def play(bench: Bench, *, number: int | None = None, **options: Any) -> None:
    class Machine(OrderMachine):
        pass

    Machine.bench = bench
    settled: dict[str, Any] = {
        "stateful_step_count": 16,
        "deadline": None,
        "database": None,
        "suppress_health_check": list(HealthCheck),
    }
    machine = Machine if number is None else seed(number)(Machine)
    run_state_machine_as_test(machine, settings=settings(**{**settled, **options}))


@pytest.mark.timeout(3_600)
def test_no_order_of_events_loses_money_or_stock(bench: Bench) -> None:
    if settings.get_current_profile_name() == "thorough":
        play(bench)
    else:
        play(bench, max_examples=EXAMPLES_AMONG_ALL_OTHER_TESTS, derandomize=True)


@pytest.mark.parametrize(
    "bug",
    [
        planted_bugs.no_fence,
        planted_bugs.no_unique_key,
        planted_bugs.no_wait_for_shippings_answer,
        planted_bugs.nothing_found_is_believed_at_once,
        planted_bugs.paid_orders_are_charged,
        planted_bugs.dispatch_before_capture,
        planted_bugs.captures_are_not_fenced,
        planted_bugs.the_gateway_is_not_asked_who_was_first,
        planted_bugs.captures_are_not_refunded,
    ],
    ids=lambda bug: bug.__name__,
)
def test_a_planted_bug_is_found(bench: Bench, bug: Callable[[Bench], AbstractContextManager[None]]) -> None:
    with bug(bench), pytest.raises(AssertionError):
        search(bench)


def search(bench: Bench) -> None:
    for number in SEEDS:
        play(
            bench,
            number=number,
            max_examples=EXAMPLES_TO_FIND_A_BUG,
            phases=[Phase.generate],
            report_multiple_bugs=False,
        )
