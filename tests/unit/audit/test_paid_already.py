"""The audit of orders that were paid before they came to us."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from order_system.audit.report import audit
from order_system.domain.book import EffectState, Ledger, SubmissionStatus
from order_system.domain.gateways import ChargeEntry, PaymentElsewhere, Statement
from order_system.domain.order import CapturedElsewhere, PaymentReceipt
from order_system.domain.refunds import Refund, RefundState
from order_system.domain.steps import Effect
from tests.fixtures.books.audited import (
    COMPLETE,
    COVERED,
    FAILED_BOOK,
    FAILED_WORLD,
    FULFILLED_BOOK,
    FULFILLED_WORLD,
    HANDLED,
    HOLDS_NOTHING,
    NOTHING,
    PAID_ALREADY,
    TOTAL,
    TRUE,
    TWICE,
    WHOLE,
    booked,
    broken,
    key,
    together,
    violations,
)

CONFIRMED, AT_ITS_WORD = CapturedElsewhere
PAYMENT = PaymentElsewhere("ch_1", TOTAL, "USD", 0)
SHIPPED = replace(FULFILLED_WORLD, charges=(), payments=(PAYMENT,))
GIVEN_BACK = replace(FAILED_WORLD, charges=(), payments=(replace(PAYMENT, refunded=TOTAL),))


def paid(ledger: Ledger, sure: CapturedElsewhere = CONFIRMED, **charge: Any) -> Ledger:
    """The same book, of an order that was paid already."""
    receipt = PaymentReceipt(charge_id="ch_1", amount=TOTAL, currency="USD", captured_elsewhere=sure)
    [(record, journal)] = ledger.entries
    by_hand = {"handled_by": "ada"} if HANDLED in charge.values() else {}
    entry = replace(journal[Effect.CHARGE], receipt=receipt.model_dump(mode="json"), **charge, **by_hand)
    return Ledger(((record, {**journal, Effect.CHARGE: entry}),))


@pytest.mark.parametrize(
    ("book", "world"),
    [
        (paid(FULFILLED_BOOK), SHIPPED),
        (paid(FAILED_BOOK), GIVEN_BACK),
        (paid(FULFILLED_BOOK, AT_ITS_WORD), replace(SHIPPED, payments=())),
        (paid(FAILED_BOOK, AT_ITS_WORD, state=HANDLED), replace(GIVEN_BACK, payments=())),
        (paid(FAILED_BOOK, state=HANDLED), GIVEN_BACK),
        (paid(FAILED_BOOK, state=HANDLED), replace(GIVEN_BACK, payments=(PAYMENT,))),
    ],
    ids=["fulfilled", "given back", "at its word", "in cash", "by hand at the gateway", "otherwise by hand"],
)
def test_a_payment_made_elsewhere_counts_as_the_charge(book: Ledger, world: Statement) -> None:
    assert broken(audit(book, world)) == set()


CHARGED = (ChargeEntry(key(Effect.CHARGE), TOTAL, 0),)
BACK = (replace(PAYMENT, refunded=TOTAL),)


@pytest.mark.parametrize(
    ("book", "world", "names"),
    [
        (paid(FULFILLED_BOOK), replace(SHIPPED, charges=CHARGED), {PAID_ALREADY, TWICE, WHOLE, COMPLETE}),
        (paid(FULFILLED_BOOK), replace(SHIPPED, payments=()), {TRUE, COMPLETE}),
        (paid(FULFILLED_BOOK), replace(SHIPPED, payments=BACK), {COVERED}),
        (paid(FAILED_BOOK), replace(GIVEN_BACK, payments=(PAYMENT,)), {HOLDS_NOTHING, TRUE}),
        (
            paid(FULFILLED_BOOK),
            replace(SHIPPED, payments=(replace(PAYMENT, amount=TOTAL - 1),)),
            {COVERED, WHOLE, COMPLETE},
        ),
        (
            paid(FULFILLED_BOOK),
            replace(SHIPPED, payments=(replace(PAYMENT, currency="EUR"),)),
            {PAID_ALREADY},
        ),
    ],
    ids=["charged too", "unknown", "kept not", "not given back", "smaller", "other currency"],
)
def test_what_the_gateway_knows_otherwise_is_found(book: Ledger, world: Statement, names: set[str]) -> None:
    report = audit(book, world)
    assert broken(report) == names
    if world.charges:
        assert "charged, although paid already by ch_1" in violations(report, PAID_ALREADY)


OTHER = paid(booked(SubmissionStatus.OPEN, {Effect.CHARGE: EffectState.DONE}, "ORDER-002"))


def test_one_payment_is_for_two_orders_if_it_covers_both() -> None:
    both = together(paid(FULFILLED_BOOK), OTHER)
    assert audit(both, replace(SHIPPED, payments=(replace(PAYMENT, amount=2 * TOTAL),))).clean
    report = audit(both, replace(SHIPPED, payments=(replace(PAYMENT, amount=2 * TOTAL - 1),)))
    assert broken(report) == {COVERED}
    assert violations(report, COVERED) == (
        "ch_1 of 2,119.93 USD, 0.00 USD given back, pays for ORDER-001, ORDER-002: 2,119.94 USD"
    )


@pytest.mark.parametrize(
    ("refunded", "names"),
    [(TOTAL, set[str]()), (TOTAL - 1, {WHOLE, HOLDS_NOTHING, TRUE}), (TOTAL + 1, {COVERED})],
)
def test_what_was_given_back_of_a_payment_is_that_of_the_order_that_was_undone(
    refunded: int, names: set[str]
) -> None:
    payment = replace(PAYMENT, amount=2 * TOTAL, refunded=refunded)
    world = replace(FAILED_WORLD, charges=(), payments=(payment,))
    for ledger in (together(OTHER, paid(FAILED_BOOK)), together(paid(FAILED_BOOK), OTHER)):
        assert broken(audit(ledger, world)) == names


def test_a_payment_that_is_given_back_while_the_audit_runs_is_no_violation() -> None:
    """Its undo has begun since the ledger was taken, and the gateway's statement has the refund already."""
    before = paid(booked(SubmissionStatus.OPEN, {Effect.CHARGE: EffectState.DONE}))
    fenced_at = FAILED_BOOK.entries[0][1][Effect.CHARGE].fenced_at
    undoing = paid(booked(SubmissionStatus.OPEN, {Effect.CHARGE: EffectState.DONE}), fenced_at=fenced_at)
    world = replace(NOTHING, payments=BACK)
    assert broken(audit(before, world, later=undoing)) == set()
    assert broken(audit(before, world)) == {COVERED}


def test_what_the_shop_keeps_of_a_larger_payment_is_none_of_ours_unless_it_is_given_back() -> None:
    payment = replace(PAYMENT, amount=3 * TOTAL)
    assert audit(paid(FULFILLED_BOOK), replace(SHIPPED, payments=(payment,))).clean
    assert audit(paid(FAILED_BOOK), replace(GIVEN_BACK, payments=(replace(payment, refunded=TOTAL),))).clean
    whole = replace(GIVEN_BACK, payments=(replace(payment, refunded=3 * TOTAL),))
    assert broken(audit(paid(FAILED_BOOK), whole)) == {COVERED}


def test_payments_of_which_the_book_knows_no_order_are_not_ours() -> None:
    assert audit(Ledger(()), replace(NOTHING, payments=(PAYMENT,))).clean


def test_a_refund_that_was_handled_takes_none_of_another_orders_refunds() -> None:
    """One in cash, of which the gateway knows nothing, and one at the gateway, of the same payment."""
    world = replace(SHIPPED, payments=(replace(PAYMENT, amount=2 * TOTAL, refunded=10),))
    asked = Refund(
        who="ada", note="late", refund_id="r1", amount=10, currency="USD", asked_at=datetime.now(UTC)
    )
    in_cash, at_gateway = (
        asked.ended(state, "re_1", asked.asked_at) for state in (RefundState.HANDLED, RefundState.REFUNDED)
    )
    both = together(paid(FULFILLED_BOOK), OTHER)
    for first, second in ((in_cash, at_gateway), (at_gateway, in_cash)):
        ledger = replace(both, refunds={"ORDER-001": [first], "ORDER-002": [second]})
        assert broken(audit(ledger, world)) == set()
