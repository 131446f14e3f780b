"""The harness itself: a seed is a plan, the plan covers the matrix, and a run that tried nothing is red."""

from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from order_system.domain.order import Capture, Flow
from tests.chaos.cases import START, Blow, Fault, attempts_at, catalogue
from tests.chaos.orders import order_of
from tests.chaos.plan import BATCHES, SHORT_OF_A_CATALOGUE, Plan, draw_outages, draw_plan, read_faults
from tests.chaos.plants import BEDS, grown
from tests.chaos.points import (
    BOOK_CALLS,
    CLAIMED,
    EFFECTS,
    GATEWAY_CALLS,
    Row,
    after,
    before,
    only_on_dispatch,
    row_of,
)
from tests.chaos.report import COLUMNS
from tests.chaos.vacuity import vacuous


def test_a_seed_is_a_plan() -> None:
    assert draw_plan(1, 1_000) == draw_plan(1, 1_000)
    assert draw_plan(1, 1_000) != draw_plan(2, 1_000)


def test_a_plan_has_as_many_orders_as_were_asked_for_each_with_an_id_of_its_own() -> None:
    for orders in (40, 200, 1_000):
        assert orders == len({order.order_id for order in draw_plan(1, orders).orders})


def test_workers_read_the_faults_that_were_planned(tmp_path: Path) -> None:
    plan = draw_plan(3, 40)
    plan.write(tmp_path / "plan.json")
    read = read_faults(tmp_path / "plan.json")
    assert read == {(subject, fault.point): fault for subject, fault in plan.faults}


def test_a_long_run_tries_every_case_of_the_catalogue() -> None:
    planned = {fault for _, fault in draw_plan(1, SHORT_OF_A_CATALOGUE).faults}
    assert planned >= set(catalogue())


def test_each_case_has_an_order_that_meets_nothing_else_before_it() -> None:
    for orders in (SHORT_OF_A_CATALOGUE, 1_000):
        alone = {order.faults for order in draw_plan(2, orders).orders}
        assert {(case,) for case in catalogue()} <= alone


def test_the_catalogue_strikes_every_named_point_and_fills_the_matrix() -> None:
    points = {point(call) for call in (*GATEWAY_CALLS, *BOOK_CALLS) for point in (before, after)}
    assert points == {fault.point for fault in catalogue()}
    cells = {(row_of(fault.point), column) for fault in catalogue() for column in columns_of(fault)}
    # A batch is struck through its orders, whose points are theirs.
    assert cells == {(row, column) for row in Row if row is not Row.BATCH for column in COLUMNS}


def columns_of(fault: Fault) -> set[str]:
    return {name for name, blows in COLUMNS.items() if set(blows) & set(fault.blows)}


@pytest.mark.parametrize("call", [*EFFECTS, *(f"claim {effect}" for effect in CLAIMED)])
def test_no_case_holds_a_blow_for_an_attempt_that_never_comes(call: str) -> None:
    allowed = attempts_at(call.removeprefix("claim "))
    longest = max(len(fault.blows) for fault in catalogue() if fault.point == before(call))
    assert allowed == longest


def test_outages_strike_the_book_and_a_gateway_and_no_single_order() -> None:
    plan = draw_outages(1, 100)
    assert {blow for _, fault in plan.faults for blow in fault.blows} == {Blow.BOOK_AWAY, Blow.GATEWAY_AWAY}
    assert len({order.order_id for order in plan.orders}) == 100


def test_a_batch_that_is_left_to_finish_has_an_order_whose_start_is_slow() -> None:
    for orders in (40, 1_000):
        slow = [order for order in draw_plan(1, orders).orders if START in order.points]
        assert [order.batch for order in slow] == [BATCHES[0]]


def test_both_captures_come_in_both_flows() -> None:
    for orders in (40, 1_000):
        plan = draw_plan(1, orders)
        assert {(order.flow, order.capture) for order in plan.orders} == set(product(Flow, Capture))


def test_what_strikes_a_capture_finds_one_whatever_the_batch_says() -> None:
    struck = [order for order in draw_plan(1, 1_000).orders if any(map(only_on_dispatch, order.points))]
    assert {order.batch is None for order in struck} == {True, False}
    for planned in struck:
        order = order_of(planned)
        if planned.batch:
            order = order.model_copy(update={"capture": Capture.AT_ONCE})
        assert order.captured_on_dispatch


def test_a_run_of_one_capture_has_no_other() -> None:
    for capture in Capture:
        held = {
            order_of(order).captured_on_dispatch for order in draw_plan(1, 1_000, captures=[capture]).orders
        }
        assert held == {capture is Capture.ON_DISPATCH}


def test_what_strikes_two_steps_finds_them_side_by_side() -> None:
    of_two = [order for order in draw_plan(1, SHORT_OF_A_CATALOGUE).orders if order.of_two]
    assert {order.flow for order in of_two} == {Flow.PARALLEL}
    assert not any(order.of_two for order in draw_plan(1, 1_000, [Flow.SEQUENTIAL]).orders)


def test_a_run_in_which_nothing_happened_is_no_success() -> None:
    plan: Plan = draw_plan(1, 40)
    nothing: Any = SimpleNamespace(audit=SimpleNamespace(submissions={}), called=0)
    idle: Any = SimpleNamespace(plan=plan, fired=[])
    missing = vacuous(idle, nothing, whole_catalogue=True)
    assert {"worker killed", "before charge", "only 0 of 40 orders were fulfilled"} <= set(missing)


def test_every_planted_bug_still_fits_the_source(tmp_path: Path) -> None:
    for number, bed in enumerate(BEDS):
        grown(tmp_path / str(number), *bed)
