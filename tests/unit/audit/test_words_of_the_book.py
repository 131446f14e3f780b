"""The audit's invariants over what the book and the world say in detail: receipts, goods, notices, refunds.
Each loss here was planted by SQL in a real book and world first, and the audit did not see it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from order_system.audit.report import audit
from order_system.domain.book import Ledger, Notice, SubmissionStatus
from order_system.domain.gateways import NoticeEntry, ReservationEntry, Statement
from order_system.domain.messages import NoticeKind
from order_system.domain.refunds import Refund, RefundState
from order_system.domain.steps import Effect
from tests.fixtures.books.audited import (
    CAPTURE,
    CAPTURED_FIRST,
    CHARGE,
    DISPATCH,
    FAILED_BOOK,
    FAILED_WORLD,
    FULFILLED_BOOK,
    FULFILLED_WORLD,
    HANDLED,
    JOURNAL,
    NOTIFY,
    RESERVE,
    TOLD,
    TOTAL,
    TRUE,
    WITHIN,
    broken,
    key,
    violations,
)


def changed(ledger: Ledger, effect: Effect, **changes: Any) -> Ledger:
    [(record, journal)] = ledger.entries
    return Ledger(((record, {**journal, effect: replace(journal[effect], **changes)}),))


def recorded(ledger: Ledger, **changes: Any) -> Ledger:
    [(record, journal)] = ledger.entries
    return Ledger(((replace(record, **changes), journal),))


def without_notice(ledger: Ledger, told: Notice | None) -> Ledger:
    [(record, journal)] = ledger.entries
    left = {effect: entry for effect, entry in journal.items() if effect is not NOTIFY}
    return Ledger(((replace(record, notice=told), left),))


PAID = {"charge_id": "ch_1", "amount": TOTAL, "currency": "USD"}
SILENT, SILENT_AFTER_ALL = (replace(world, notices=()) for world in (FULFILLED_WORLD, FAILED_WORLD))


@pytest.mark.parametrize(
    ("book", "says"),
    [
        (
            changed(FULFILLED_BOOK, CHARGE, receipt=PAID | {"amount": 1}),
            "by its receipt charged 0.01 USD, of",
        ),
        (changed(FULFILLED_BOOK, CHARGE, receipt=PAID | {"currency": "EUR"}), "charged 1,059.97 EUR, of a"),
        (
            changed(FULFILLED_BOOK, DISPATCH, receipt=None),
            "dispatch is done in the book, which has no receipt",
        ),
        (changed(FULFILLED_BOOK, CHARGE, state=HANDLED), "charge was handled by hand, and it names nobody"),
        (recorded(FULFILLED_BOOK, closed_at=None), "fulfilled): by the book it was closed at None"),
    ],
    ids=["amount", "currency", "no receipt", "handled by nobody", "closed never"],
)
def test_what_the_book_says_of_itself(book: Ledger, says: str) -> None:
    report = audit(book, FULFILLED_WORLD)
    assert broken(report) == {JOURNAL}
    assert says in violations(report, JOURNAL)


def test_an_authorisation_whose_capture_the_book_has_lost() -> None:
    book = changed(FULFILLED_BOOK, CHARGE, receipt=PAID | {"held": True})
    report = audit(book, FULFILLED_WORLD)
    assert JOURNAL in broken(report)
    assert CAPTURED_FIRST not in broken(report)
    assert f"its {CAPTURE} missing" in violations(report, JOURNAL)


@pytest.mark.parametrize("lines", [(("LAPTOP-789", 5),), (("MOUSE-321", 2),), (("LAPTOP-789", 1),) * 3])
def test_other_goods_than_those_of_the_receipt(lines: tuple[tuple[str, int], ...]) -> None:
    goods = (ReservationEntry(key(RESERVE), "committed", lines),)
    report = audit(FULFILLED_BOOK, replace(FULFILLED_WORLD, reservations=goods, stock=None))
    assert broken(report) == {TRUE}
    assert "by the book LAPTOP-789: 2" in violations(report, TRUE)


@pytest.mark.parametrize("lines", [(("LAPTOP-789", 1),) * 2, (("LAPTOP-789", 2),)])
def test_two_lines_may_have_the_same_goods(lines: tuple[tuple[str, int], ...]) -> None:
    goods = (ReservationEntry(key(RESERVE), "committed", lines),)
    assert audit(FULFILLED_BOOK, replace(FULFILLED_WORLD, reservations=goods, stock=None)).clean


@pytest.mark.parametrize(
    ("book", "world", "says"),
    [
        (without_notice(FULFILLED_BOOK, None), SILENT, "does not say whether its customer was told"),
        (without_notice(FAILED_BOOK, None), SILENT_AFTER_ALL, "does not say whether its customer was told"),
        (without_notice(FULFILLED_BOOK, Notice.SENT), SILENT, "was told, but no notice is done"),
        (
            FULFILLED_BOOK,
            replace(FULFILLED_WORLD, notices=(NoticeEntry(key(NOTIFY), NoticeKind.CANCELLATION),)),
            "key ORDER-001:first:notify: its customer got a cancellation",
        ),
        (
            FAILED_BOOK,
            replace(FAILED_WORLD, notices=(NoticeEntry(key(NOTIFY), NoticeKind.CONFIRMATION),)),
            "key ORDER-001:first:notify: its customer got a confirmation",
        ),
    ],
    ids=["fulfilled, owed nothing", "undone, owed nothing", "told by the book", "cancelled", "confirmed"],
)
def test_a_customer_who_was_told_nothing_or_an_untruth(book: Ledger, world: Statement, says: str) -> None:
    report = audit(book, world)
    assert broken(report) == {TOLD}
    assert says in violations(report, TOLD)


@pytest.mark.parametrize("told", Notice)
def test_a_notice_that_is_owed_or_given_up_is_clean(told: Notice) -> None:
    if told is not Notice.SENT:
        assert audit(without_notice(FULFILLED_BOOK, told), SILENT).clean
    assert audit(recorded(FULFILLED_BOOK, notice=told), FULFILLED_WORLD).clean


def test_a_confirmation_that_comes_after_the_ledger_was_taken_is_clean() -> None:
    still_open = recorded(FULFILLED_BOOK, status=SubmissionStatus.OPEN, closed_at=None, notice=None)
    assert broken(audit(still_open, FULFILLED_WORLD)) == set()


GIVEN = Refund(
    who="ada", note="late", refund_id="r1", amount=TOTAL + 1, currency="USD", asked_at=datetime.now(UTC)
)


def test_refunds_of_the_book_that_are_more_than_was_taken_or_of_no_fulfilled_order() -> None:
    by_hand = GIVEN.ended(RefundState.HANDLED, "in cash", GIVEN.asked_at)
    report = audit(replace(FULFILLED_BOOK, refunds={"ORDER-001": [by_hand]}), FULFILLED_WORLD)
    assert broken(report) == {WITHIN}
    assert "(1,059.98 USD by the book)" in violations(report, WITHIN)

    for order_id in ("ORDER-001", "ORDER-404"):
        report = audit(replace(FAILED_BOOK, refunds={order_id: [by_hand]}), FAILED_WORLD)
        assert broken(report) == {WITHIN}
        assert violations(report, WITHIN).startswith(f"{order_id}: refund r1: handled 1,059.98 USD")
