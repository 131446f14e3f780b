"""The audit's invariants over what an order comes to: money, stock, one live submission, its journal."""

from dataclasses import replace

import pytest

from order_system.audit.invariants import INVARIANTS
from order_system.audit.report import CURES, audit
from order_system.domain.book import EffectState, Ledger, SubmissionStatus
from order_system.domain.gateways import (
    ChargeEntry,
    Statement,
    StockEntry,
)
from order_system.domain.steps import Effect
from tests.fixtures.books.audited import (
    ADDS_UP,
    AGREES,
    ALL_ON_HAND,
    BOUGHT,
    CHARGE,
    CLAIMED,
    COMMIT,
    COMMITTED,
    COMPLETE,
    CONFIRMED,
    DISPATCH,
    DISPATCHED,
    DONE,
    FAILED,
    FAILED_BOOK,
    FAILED_WORLD,
    FULFILLED,
    FULFILLED_BOOK,
    FULFILLED_WORLD,
    HOLDS_NOTHING,
    IN_DOUBT,
    JOURNAL,
    LABEL,
    NOTHING,
    NOTIFY,
    ONE_LIVE,
    PAID,
    REFUNDED,
    RELEASED,
    RESERVE,
    RESERVED,
    TOTAL,
    TWICE,
    TWO_RESERVED,
    TWO_SHIPPED,
    UNDONE,
    VOIDED,
    WHOLE,
    WITHIN,
    booked,
    broken,
    key,
    together,
    violations,
)


def test_a_refund_beyond_the_capture() -> None:
    world = replace(FAILED_WORLD, charges=(ChargeEntry(key(CHARGE), TOTAL, TOTAL + 1),))
    report = audit(FAILED_BOOK, world)
    assert WITHIN in broken(report)
    whose = "ORDER-001 (submission first, failed), key ORDER-001:first:charge"
    assert violations(report, WITHIN) == f"{whose}: captured 1,059.97 USD, refunded 1,059.98 USD"


@pytest.mark.parametrize("charge", [ChargeEntry(key(CHARGE), TOTAL, 1), ChargeEntry(key(CHARGE), 1, 0)])
@pytest.mark.parametrize("status", SubmissionStatus)
def test_a_part_of_the_money(charge: ChargeEntry, status: SubmissionStatus) -> None:
    report = audit(booked(status, {CHARGE: CLAIMED}), replace(NOTHING, charges=(charge,)))
    assert WHOLE in broken(report)


def test_money_of_another_currency() -> None:
    euros, dollars = (replace(PAID, currency=currency) for currency in ("EUR", "USD"))
    assert audit(FULFILLED_BOOK, replace(FULFILLED_WORLD, charges=(dollars,))).clean
    report = audit(FULFILLED_BOOK, replace(FULFILLED_WORLD, charges=(euros,)))
    assert broken(report) == {WHOLE}
    whose = "ORDER-001 (submission first, fulfilled), key ORDER-001:first:charge"
    assert violations(report, WHOLE) == f"{whose}: charged in EUR, of a total of 1,059.97 USD"


@pytest.mark.parametrize(
    "stock",
    [StockEntry("LAPTOP-789", 10, 9, 0, 2), StockEntry("LAPTOP-789", 1, -1, 0, 2)],
    ids=["too many", "negative"],
)
def test_stock_that_does_not_add_up(stock: StockEntry) -> None:
    report = audit(FULFILLED_BOOK, replace(FULFILLED_WORLD, stock=(stock,)))
    assert broken(report) == {ADDS_UP}
    assert "SKU LAPTOP-789" in violations(report, ADDS_UP)


@pytest.mark.parametrize("stock", [(ALL_ON_HAND,), (TWO_RESERVED,), ()], ids=["none", "reserved", "no SKU"])
def test_stock_that_its_reservations_do_not_explain(stock: tuple[StockEntry, ...]) -> None:
    assert broken(audit(FULFILLED_BOOK, replace(FULFILLED_WORLD, stock=stock))) == {AGREES}


def test_stock_that_nobody_reserved() -> None:
    assert broken(audit(Ledger(()), replace(NOTHING, stock=(TWO_RESERVED,)))) == {AGREES}


@pytest.mark.parametrize(
    ("effect", "world"),
    [
        (CHARGE, replace(FULFILLED_WORLD, charges=(PAID, PAID))),
        (RESERVE, replace(FULFILLED_WORLD, reservations=(COMMITTED, RELEASED))),
        (COMMIT, replace(FULFILLED_WORLD, reservations=(COMMITTED, COMMITTED))),
        (LABEL, replace(FULFILLED_WORLD, shipments=(DISPATCHED, VOIDED))),
        (DISPATCH, replace(FULFILLED_WORLD, shipments=(DISPATCHED, DISPATCHED))),
        (NOTIFY, replace(FULFILLED_WORLD, notices=(CONFIRMED, CONFIRMED))),
    ],
)
@pytest.mark.parametrize("book", [FULFILLED_BOOK, booked(SubmissionStatus.OPEN, FULFILLED)])
def test_an_effect_that_happened_twice(effect: Effect, world: Statement, book: Ledger) -> None:
    report = audit(book, world)
    assert TWICE in broken(report)
    assert f"{effect} happened 2 times" in violations(report, TWICE)


@pytest.mark.parametrize("status", [SubmissionStatus.OPEN, SubmissionStatus.FULFILLED])
def test_two_live_submissions_of_an_order(status: SubmissionStatus) -> None:
    book = together(booked(status, {}), booked(status, {}, submission="second"))
    report = audit(book, NOTHING)
    assert ONE_LIVE in broken(report)
    assert violations(report, ONE_LIVE) == f"ORDER-001: 2 submissions are {status}"


def test_an_open_submission_beside_a_fulfilled_one() -> None:
    book = together(FULFILLED_BOOK, booked(SubmissionStatus.OPEN, {}, submission="second"))
    report = audit(book, FULFILLED_WORLD)
    assert broken(report) == {ONE_LIVE}
    assert "open although another one is fulfilled" in violations(report, ONE_LIVE)


@pytest.mark.parametrize("state", [CLAIMED, IN_DOUBT, UNDONE, None])
@pytest.mark.parametrize("effect", [CHARGE, RESERVE, LABEL, DISPATCH, COMMIT])
def test_a_fulfilled_order_whose_journal_says_otherwise(effect: Effect, state: EffectState | None) -> None:
    journal = {known: kept for known, kept in FULFILLED.items() if known is not effect}
    if state is not None:
        journal[effect] = state
    report = audit(booked(SubmissionStatus.FULFILLED, journal), FULFILLED_WORLD)
    assert JOURNAL in broken(report)
    expected = (
        f"key ORDER-001:first:{effect}: by the book the order is fulfilled, its {effect} {state or 'missing'}"
    )
    assert expected in violations(report, JOURNAL)


@pytest.mark.parametrize("state", [CLAIMED, DONE])
@pytest.mark.parametrize("effect", [CHARGE, RESERVE, LABEL])
@pytest.mark.parametrize("status", [SubmissionStatus.FAILED, SubmissionStatus.CANCELLED])
def test_an_undone_order_whose_journal_says_otherwise(
    effect: Effect, state: EffectState, status: SubmissionStatus
) -> None:
    report = audit(booked(status, {**FAILED, effect: state}), FAILED_WORLD)
    assert JOURNAL in broken(report)
    assert f"the order is undone, its {effect} {state}" in violations(report, JOURNAL)


def test_every_violation_comes_with_what_to_do() -> None:
    report = audit(FAILED_BOOK, replace(FAILED_WORLD, charges=(PAID,)), completed=frozenset())
    assert CURES.keys() == INVARIANTS.keys()
    assert [check.cure for check in report.checks] == [CURES[name] for name in INVARIANTS]
    held = violations(report, HOLDS_NOTHING)
    assert held.startswith("ORDER-001 (submission first, failed), key ORDER-001:first:charge: ")


@pytest.mark.parametrize(
    "world",
    [
        replace(FULFILLED_WORLD, charges=(REFUNDED,)),
        replace(FULFILLED_WORLD, charges=()),
        replace(FULFILLED_WORLD, shipments=(BOUGHT,)),
        replace(FULFILLED_WORLD, shipments=()),
        replace(FULFILLED_WORLD, reservations=(RESERVED,), stock=(TWO_RESERVED,)),
        replace(FULFILLED_WORLD, reservations=(), stock=(ALL_ON_HAND,)),
    ],
    ids=["refunded", "never charged", "label only", "no label", "reserved only", "never reserved"],
)
def test_a_fulfilled_order_that_lacks_something(world: Statement) -> None:
    report = audit(FULFILLED_BOOK, world)
    assert COMPLETE in broken(report)
    assert "ORDER-001 (submission first, fulfilled)" in violations(report, COMPLETE)


@pytest.mark.parametrize(
    "world",
    [
        replace(FAILED_WORLD, charges=(PAID,)),
        replace(FAILED_WORLD, reservations=(RESERVED,), stock=(TWO_RESERVED,)),
        replace(FAILED_WORLD, reservations=(COMMITTED,), stock=(TWO_SHIPPED,)),
        replace(FAILED_WORLD, shipments=(BOUGHT,)),
        replace(FAILED_WORLD, shipments=(DISPATCHED,)),
    ],
    ids=["charged", "reserved", "committed", "label", "parcel"],
)
@pytest.mark.parametrize(
    "status", [SubmissionStatus.FAILED, SubmissionStatus.CANCELLED, SubmissionStatus.TERMINATED]
)
def test_an_undone_order_that_holds_something(world: Statement, status: SubmissionStatus) -> None:
    assert HOLDS_NOTHING in broken(audit(booked(status, FAILED), world))
