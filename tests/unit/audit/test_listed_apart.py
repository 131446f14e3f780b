"""What the audit lists and does not judge, and what it says of a system that runs meanwhile."""

from dataclasses import dataclass, replace

from order_system.audit.report import audit, audit_now
from order_system.domain.book import Ledger, SubmissionStatus
from order_system.domain.gateways import (
    ChargeEntry,
    Statement,
)
from order_system.domain.order import SubmissionRef
from order_system.domain.reconciliation import CurrentRun
from tests.fixtures.books.audited import (
    BOUGHT,
    CHARGE,
    CLAIMED,
    COMMIT,
    COMPLETE,
    COMPLETED,
    DISPATCH,
    DONE,
    FAILED,
    FAILED_WORLD,
    FENCED,
    FULFILLED_BOOK,
    FULFILLED_WORLD,
    HANDLED,
    HOLDS_NOTHING,
    IN_DOUBT,
    LABEL,
    NOTHING,
    NOTIFY,
    PAID,
    REFUNDED,
    RESERVE,
    RESERVED,
    TOTAL,
    TRUE,
    TWO_RESERVED,
    UNCLAIMED,
    booked,
    broken,
    key,
    together,
)


def test_an_effect_in_doubt_is_listed_and_broken_only_if_the_world_holds_it() -> None:
    book = booked(SubmissionStatus.FAILED, {CHARGE: IN_DOUBT, DISPATCH: FENCED})
    for world, happened, cause in (
        (NOTHING, False, set[str]()),
        (replace(NOTHING, charges=(REFUNDED,)), True, set[str]()),
        (replace(NOTHING, charges=(PAID,)), True, {HOLDS_NOTHING}),
    ):
        report = audit(book, world)
        assert broken(report) == cause
        assert [(doubt.effect, doubt.in_world) for doubt in report.in_doubt] == [(CHARGE, happened)]


def test_what_a_person_handled_is_listed_and_not_judged() -> None:
    journal = {**FAILED, CHARGE: HANDLED, RESERVE: HANDLED, LABEL: HANDLED}
    world = replace(
        FAILED_WORLD,
        charges=(ChargeEntry(key(CHARGE), TOTAL, 1),),
        reservations=(RESERVED,),
        stock=(TWO_RESERVED,),
        shipments=(BOUGHT,),
    )
    ledger = booked(SubmissionStatus.FAILED, journal)
    report = audit(ledger, world)
    assert broken(report) == set()
    assert [effect.effect for effect in report.handled] == [CHARGE, RESERVE, LABEL]


class BookThatMovesOn:
    def __init__(self, *ledgers: Ledger) -> None:
        self._ledgers = list(ledgers)

    async def ledger(self) -> Ledger:
        return self._ledgers.pop(0)


class World:
    def __init__(self, statement: Statement) -> None:
        self._statement = statement

    async def statement(self) -> Statement:
        return self._statement


async def test_what_is_claimed_after_the_ledger_was_taken_is_no_violation() -> None:
    """Meanwhile one order went on, another came, and a third failed and was submitted again."""
    before = together(
        booked(SubmissionStatus.OPEN, {CHARGE: DONE}),
        booked(SubmissionStatus.OPEN, {CHARGE: CLAIMED}, "ORDER-003"),
    )
    after = together(
        booked(SubmissionStatus.OPEN, {CHARGE: DONE, RESERVE: CLAIMED}),
        booked(SubmissionStatus.OPEN, {CHARGE: CLAIMED}, "ORDER-002"),
        booked(SubmissionStatus.FAILED, {CHARGE: FENCED, DISPATCH: FENCED}, "ORDER-003"),
        booked(SubmissionStatus.OPEN, {CHARGE: CLAIMED}, "ORDER-003", "second"),
    )
    newcomers = (key(CHARGE, "ORDER-002"), key(CHARGE, "ORDER-003", "second"))
    world = replace(
        NOTHING,
        charges=(PAID, *(ChargeEntry(charge_key, TOTAL, 0) for charge_key in newcomers)),
        reservations=(RESERVED,),
        stock=(TWO_RESERVED,),
    )
    assert broken(audit(before, world)) == {UNCLAIMED}
    report = await audit_now(BookThatMovesOn(before, after), World(world))
    assert broken(report) == set()
    assert [submission.order_id for submission in report.open_submissions] == ["ORDER-001", "ORDER-003"]


async def test_what_is_never_claimed_stays_a_violation() -> None:
    book = BookThatMovesOn(Ledger(()), Ledger(()))
    report = await audit_now(book, World(replace(NOTHING, charges=(PAID,))))
    assert broken(report) == {UNCLAIMED}


@dataclass
class Completed:
    submission: str

    async def current_run(self, _order_id: str) -> CurrentRun:
        return CurrentRun(submission=self.submission, is_open=False, completed=True)

    async def order_of(self, _ref: SubmissionRef) -> None:
        raise AssertionError("the audit needs no order's content")


async def test_an_open_submission_whose_workflow_has_completed_is_a_violation() -> None:
    still_open = booked(SubmissionStatus.OPEN, {CHARGE: DONE})
    [(record, _)] = still_open.entries
    ours, another = Completed(record.ref.submission), Completed("another submission")
    world = World(replace(NOTHING, charges=(PAID,)))
    assert broken(await audit_now(BookThatMovesOn(still_open, still_open), world, ours)) == {COMPLETED}
    assert broken(await audit_now(BookThatMovesOn(still_open, still_open), world, another)) == set()
    # It has closed since the book was read.
    assert broken(await audit_now(BookThatMovesOn(still_open, Ledger(())), world, ours)) == set()


def test_the_report_says_in_json_whether_it_is_clean() -> None:
    assert '"clean":true' in audit(FULFILLED_BOOK, FULFILLED_WORLD).model_dump_json()


def test_what_a_statement_does_not_tell_is_listed_and_not_judged() -> None:
    """As that of a payment provider, which knows nothing of stock and parcels."""
    report = audit(FULFILLED_BOOK, Statement(charges=(PAID,)))
    assert broken(report) == set()
    assert report.not_told == (RESERVE, LABEL, DISPATCH, COMMIT, NOTIFY)
    assert broken(audit(FULFILLED_BOOK, Statement(charges=()))) == {COMPLETE, TRUE}
    assert broken(audit(FULFILLED_BOOK, replace(FULFILLED_WORLD, charges=None))) == set()
    doubtful = booked(SubmissionStatus.FAILED, {RESERVE: IN_DOUBT, DISPATCH: FENCED})
    assert [doubt.in_world for doubt in audit(doubtful, Statement(charges=())).in_doubt] == [None]


def test_stock_is_not_compared_with_reservations_that_nobody_tells() -> None:
    for told in (replace(FULFILLED_WORLD, reservations=None), replace(FULFILLED_WORLD, stock=None)):
        assert broken(audit(FULFILLED_BOOK, told)) == set()
