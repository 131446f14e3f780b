"""What the audit finds nothing wrong with."""

from dataclasses import replace

import pytest

from order_system.audit.invariants import COMPLETED, INVARIANTS
from order_system.audit.report import audit
from order_system.domain.book import Ledger, SubmissionStatus
from order_system.domain.gateways import (
    ChargeEntry,
    Statement,
)
from tests.fixtures.books.audited import (
    CHARGE,
    CLAIMED,
    DISPATCH,
    DONE,
    FAILED_BOOK,
    FAILED_WORLD,
    FENCED,
    FULFILLED_BOOK,
    FULFILLED_WORLD,
    LABEL,
    NOTHING,
    PAID,
    RESERVE,
    RESERVED,
    TOTAL,
    TWO_RESERVED,
    UNDONE,
    Journal,
    booked,
    broken,
    key,
    together,
)


def test_nothing_is_clean() -> None:
    report = audit(Ledger(()), NOTHING, completed=frozenset())
    assert report.clean
    assert list(INVARIANTS) == [check.name for check in report.checks]
    unasked = audit(Ledger(()), NOTHING)
    assert INVARIANTS.keys() - {check.name for check in unasked.checks} == {COMPLETED}


@pytest.mark.parametrize(
    ("book", "world"),
    [(FULFILLED_BOOK, FULFILLED_WORLD), (FAILED_BOOK, FAILED_WORLD)],
    ids=["fulfilled", "failed"],
)
def test_an_order_that_ended_well_is_clean(book: Ledger, world: Statement) -> None:
    assert broken(audit(book, world)) == set()


@pytest.mark.parametrize(
    ("journal", "world"),
    [
        ({CHARGE: CLAIMED}, NOTHING),
        ({CHARGE: CLAIMED}, replace(NOTHING, charges=(PAID,))),
        (
            {CHARGE: DONE, RESERVE: CLAIMED},
            replace(NOTHING, charges=(PAID,), reservations=(RESERVED,), stock=(TWO_RESERVED,)),
        ),
        (
            {CHARGE: DONE, RESERVE: DONE, LABEL: DONE, DISPATCH: CLAIMED},
            replace(FULFILLED_WORLD, notices=()),
        ),
        # the undo is half through
        (
            {CHARGE: DONE, RESERVE: UNDONE, LABEL: UNDONE, DISPATCH: FENCED},
            replace(FAILED_WORLD, notices=()),
        ),
    ],
    ids=["claimed", "charged", "reserved", "gone", "half undone"],
)
def test_an_open_submission_may_be_anywhere_on_its_way(journal: Journal, world: Statement) -> None:
    report = audit(booked(SubmissionStatus.OPEN, journal), world)
    assert broken(report) == set()
    assert [(s.order_id, s.submission) for s in report.open_submissions] == [("ORDER-001", "first")]


def test_a_failed_submission_beside_a_fulfilled_one_is_clean() -> None:
    earlier = booked(SubmissionStatus.FAILED, {CHARGE: UNDONE, DISPATCH: FENCED}, submission="earlier")
    refunded = ChargeEntry(key(CHARGE, submission="earlier"), TOTAL, TOTAL)
    world = replace(FULFILLED_WORLD, charges=(PAID, refunded))
    report = audit(together(earlier, FULFILLED_BOOK), world)
    assert broken(report) == set()
    assert report.submissions == {"failed": 1, "fulfilled": 1}
    assert (report.effects["charge"], report.effects["refund"], report.effects["void"]) == (2, 1, 0)
