"""The audit of orders whose charge is an authorisation until it is captured."""

from dataclasses import replace
from datetime import timedelta

import pytest

from order_system.audit.report import audit
from order_system.domain.book import Ledger, SubmissionStatus
from order_system.domain.gateways import AuthorisationEntry, Statement
from tests.fixtures.books.audited import (
    CAPTURE,
    CAPTURED_FIRST,
    CHARGE,
    COMPLETE,
    DONE,
    FAILED,
    FAILED_WORLD,
    FENCED,
    FULFILLED,
    FULFILLED_BOOK,
    FULFILLED_WORLD,
    HOLDS_NOTHING,
    JOURNAL,
    TRUE,
    UNCLAIMED,
    UNDONE,
    WHOLE,
    booked,
    broken,
    key,
)


def authorised(state: str) -> tuple[AuthorisationEntry, ...]:
    return (AuthorisationEntry(key(CHARGE), state),)


SHIPPED_BOOK = booked(SubmissionStatus.FULFILLED, {**FULFILLED, CAPTURE: DONE})
VOIDED_BOOK = booked(SubmissionStatus.FAILED, {**FAILED, CAPTURE: FENCED})
REFUNDED_BOOK = booked(SubmissionStatus.FAILED, {**FAILED, CAPTURE: UNDONE})
SHIPPED = replace(FULFILLED_WORLD, authorisations=authorised("captured"))
VOIDED = replace(FAILED_WORLD, charges=(), authorisations=authorised("voided"))
REFUNDED = replace(FAILED_WORLD, authorisations=authorised("captured"))


def captured_late(ledger: Ledger) -> Ledger:
    [(record, journal)] = ledger.entries
    done_at = journal[CAPTURE].done_at
    assert done_at is not None
    late = replace(journal[CAPTURE], done_at=done_at + timedelta(seconds=1))
    return Ledger(((record, {**journal, CAPTURE: late}),))


@pytest.mark.parametrize(
    ("book", "world"), [(SHIPPED_BOOK, SHIPPED), (VOIDED_BOOK, VOIDED), (REFUNDED_BOOK, REFUNDED)]
)
def test_captured_let_go_and_refunded_are_clean(book: Ledger, world: Statement) -> None:
    assert broken(audit(book, world)) == set()
    assert broken(audit(book, replace(world, authorisations=None))) == set()  # not told


@pytest.mark.parametrize(
    ("book", "world", "broken_are"),
    [
        (VOIDED_BOOK, replace(VOIDED, authorisations=authorised("held")), {HOLDS_NOTHING, TRUE}),
        (SHIPPED_BOOK, replace(SHIPPED, charges=()), {COMPLETE, CAPTURED_FIRST, TRUE}),
        (captured_late(SHIPPED_BOOK), SHIPPED, {CAPTURED_FIRST}),
        (
            booked(SubmissionStatus.FULFILLED, {**FULFILLED, CAPTURE: FENCED}),
            SHIPPED,
            {CAPTURED_FIRST, JOURNAL, TRUE, UNCLAIMED},
        ),
        (VOIDED_BOOK, REFUNDED, {TRUE, UNCLAIMED}),
        (SHIPPED_BOOK, replace(SHIPPED, authorisations=authorised("held")), {WHOLE}),
        (FULFILLED_BOOK, replace(FULFILLED_WORLD, authorisations=authorised("held")), {WHOLE}),
    ],
    ids=[
        *("still held", "never captured", "captured after dispatch", "by the book not", "taken unasked"),
        *("held and captured", "held beside its charge"),
    ],
)
def test_what_is_broken_is_named(book: Ledger, world: Statement, broken_are: set[str]) -> None:
    assert broken(audit(book, world)) == broken_are
