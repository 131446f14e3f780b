"""Each invariant of the audit, planted broken: that check is red, and says where."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from order_system.audit.invariants import CURES, INVARIANTS
from order_system.audit.report import AuditReport, audit, audit_now
from order_system.domain.book import EffectState, JournalEntry, Ledger, SubmissionRecord, SubmissionStatus
from order_system.domain.gateways import (
    ChargeEntry,
    NoticeEntry,
    ReservationEntry,
    ShipmentEntry,
    Statement,
    StockEntry,
)
from order_system.domain.ids import idempotency_key
from order_system.domain.messages import NoticeKind
from order_system.domain.order import SubmissionRef
from order_system.domain.steps import Effect

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TOTAL = 105997

CLAIMED, DONE, UNDONE, FENCED = (
    EffectState.CLAIMED,
    EffectState.DONE,
    EffectState.UNDONE,
    EffectState.NEVER_HAPPENED,
)
IN_DOUBT, HANDLED = EffectState.IN_DOUBT, EffectState.HANDLED
CHARGE, RESERVE, LABEL, DISPATCH, COMMIT, NOTIFY = Effect

Journal = Mapping[Effect, EffectState]

FULFILLED: Journal = dict.fromkeys(Effect, DONE)
FAILED: Journal = {CHARGE: UNDONE, RESERVE: UNDONE, LABEL: UNDONE, DISPATCH: FENCED, NOTIFY: DONE}


def key(effect: Effect, order_id: str = "ORDER-001", submission: str = "first") -> str:
    return idempotency_key(order_id, submission, effect)


def entry(effect: Effect, state: EffectState) -> JournalEntry:
    undone = state in (UNDONE, FENCED, IN_DOUBT)
    fenced_at = NOON + (SECOND if effect in (LABEL, DISPATCH) else 3 * SECOND)
    return JournalEntry(
        effect=effect,
        state=state,
        attempts=0 if state is FENCED else 1,
        unanswered=0,
        unanswered_until=None,
        receipt=None,
        claimed_at=None if state is FENCED else NOON,
        done_at=NOON if state in (DONE, UNDONE) else None,
        fenced_at=fenced_at if undone else None,
        undo_ended_at=fenced_at + SECOND if undone else None,
    )


def booked(
    status: SubmissionStatus, journal: Journal, order_id: str = "ORDER-001", submission: str = "first"
) -> Ledger:
    record = SubmissionRecord(
        ref=SubmissionRef(order_id=order_id, submission=submission, fingerprint="f"),
        namespace="default",
        status=status,
        failed_step=None,
        reason=None,
        total=TOTAL,
        currency="USD",
        opened_at=NOON,
        closed_at=None,
    )
    return Ledger(((record, {effect: entry(effect, state) for effect, state in journal.items()}),))


def together(*ledgers: Ledger) -> Ledger:
    return Ledger(tuple(account for ledger in ledgers for account in ledger.entries))


NOTHING = Statement(charges=(), reservations=(), shipments=(), notices=(), stock=())
PAID = ChargeEntry(key(CHARGE), TOTAL, 0)
REFUNDED = ChargeEntry(key(CHARGE), TOTAL, TOTAL)
LAPTOP = (("LAPTOP-789", 2),)
COMMITTED = ReservationEntry(key(RESERVE), "committed", LAPTOP)
RESERVED = ReservationEntry(key(RESERVE), "reserved", LAPTOP)
RELEASED = ReservationEntry(key(RESERVE), "released", LAPTOP)
DISPATCHED, BOUGHT, VOIDED = (
    ShipmentEntry(key(LABEL), state) for state in ("dispatched", "bought", "voided")
)
CONFIRMED = NoticeEntry(key(NOTIFY), NoticeKind.CONFIRMATION)
ALL_ON_HAND = StockEntry("LAPTOP-789", 10, 10, 0, 0)
TWO_RESERVED = StockEntry("LAPTOP-789", 10, 8, 2, 0)
TWO_SHIPPED = StockEntry("LAPTOP-789", 10, 8, 0, 2)

FULFILLED_BOOK = booked(SubmissionStatus.FULFILLED, FULFILLED)
FAILED_BOOK = booked(SubmissionStatus.FAILED, FAILED)
FULFILLED_WORLD = Statement((PAID,), (COMMITTED,), (DISPATCHED,), (CONFIRMED,), (TWO_SHIPPED,))
FAILED_WORLD = Statement((REFUNDED,), (RELEASED,), (VOIDED,), (CONFIRMED,), (ALL_ON_HAND,))

(
    WITHIN,
    WHOLE,
    ADDS_UP,
    AGREES,
    TWICE,
    ONE_LIVE,
    COMPLETE,
    HOLDS_NOTHING,
    KEPT,
    JOURNAL,
    WAITED,
    UNCLAIMED,
    TRUE,
) = INVARIANTS


def broken(report: AuditReport) -> set[str]:
    assert report.clean == all(check.holds for check in report.checks)
    assert all(check.holds == (not check.violations) for check in report.checks)
    return {check.name for check in report.checks if not check.holds}


def violations(report: AuditReport, name: str) -> str:
    (check,) = (check for check in report.checks if check.name == name)
    return "\n".join(check.violations)


# --- what is fine ---------------------------------------------------------------------------------


def test_nothing_is_clean() -> None:
    report = audit(Ledger(()), NOTHING)
    assert report.clean
    assert list(INVARIANTS) == [check.name for check in report.checks]


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


# --- what is broken -------------------------------------------------------------------------------


def test_a_refund_beyond_the_capture() -> None:
    world = replace(FAILED_WORLD, charges=(ChargeEntry(key(CHARGE), TOTAL, TOTAL + 1),))
    report = audit(FAILED_BOOK, world)
    assert WITHIN in broken(report)
    whose = "ORDER-001 (submission first, failed), key ORDER-001:first:charge"
    assert violations(report, WITHIN) == f"{whose}: captured 1059.97 USD, refunded 1059.98 USD"


@pytest.mark.parametrize("charge", [ChargeEntry(key(CHARGE), TOTAL, 1), ChargeEntry(key(CHARGE), 1, 0)])
@pytest.mark.parametrize("status", SubmissionStatus)
def test_a_part_of_the_money(charge: ChargeEntry, status: SubmissionStatus) -> None:
    report = audit(booked(status, {CHARGE: CLAIMED}), replace(NOTHING, charges=(charge,)))
    assert WHOLE in broken(report)


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
    report = audit(FAILED_BOOK, replace(FAILED_WORLD, charges=(PAID,)))
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


@pytest.mark.parametrize("status", SubmissionStatus)
@pytest.mark.parametrize(
    "world",
    [
        replace(FULFILLED_WORLD, charges=(REFUNDED,)),
        replace(FULFILLED_WORLD, reservations=(RELEASED,), stock=(ALL_ON_HAND,)),
    ],
    ids=["refunded", "released"],
)
def test_a_parcel_that_is_gone_and_given_back(world: Statement, status: SubmissionStatus) -> None:
    assert KEPT in broken(audit(booked(status, FULFILLED), world))


@pytest.mark.parametrize("effect", [CHARGE, RESERVE])
def test_an_undo_before_shippings_answer(effect: Effect) -> None:
    ((record, journal),) = FAILED_BOOK.entries
    answered_at = journal[DISPATCH].undo_ended_at
    assert answered_at is not None

    def fenced(at: datetime) -> Ledger:
        return Ledger(((record, {**journal, effect: replace(journal[effect], fenced_at=at)}),))

    assert broken(audit(fenced(answered_at), FAILED_WORLD)) == set()
    report = audit(fenced(answered_at - SECOND), FAILED_WORLD)
    assert broken(report) == {WAITED}
    assert f"the undo of {effect} began 0:00:01 before" in violations(report, WAITED)


@pytest.mark.parametrize("dispatch", [None, CLAIMED, DONE])
def test_an_undo_without_shippings_answer(dispatch: EffectState | None) -> None:
    journal = {effect: state for effect, state in FAILED.items() if effect is not DISPATCH}
    if dispatch is not None:
        journal[DISPATCH] = dispatch
    book = booked(SubmissionStatus.FAILED, journal)
    assert WAITED in broken(audit(book, FAILED_WORLD))


def test_an_undo_although_the_parcel_was_gone() -> None:
    ((record, journal),) = booked(SubmissionStatus.OPEN, {CHARGE: IN_DOUBT, DISPATCH: FENCED}).entries
    journal[DISPATCH] = replace(journal[DISPATCH], state=DONE)
    assert "although the parcel was gone" in violations(audit(Ledger(((record, journal),)), NOTHING), WAITED)


@pytest.mark.parametrize("effect", [CHARGE, RESERVE, LABEL, DISPATCH, NOTIFY])
@pytest.mark.parametrize("status", [SubmissionStatus.OPEN, SubmissionStatus.FULFILLED])
def test_an_effect_without_a_claim(effect: Effect, status: SubmissionStatus) -> None:
    journal = {known: state for known, state in FULFILLED.items() if known is not effect}
    report = audit(booked(status, journal), FULFILLED_WORLD)
    lacks = status is SubmissionStatus.FULFILLED and effect is not NOTIFY
    assert broken(report) == {UNCLAIMED} | ({JOURNAL} if lacks else set())
    assert f"{effect} happened, but was never claimed" in violations(report, UNCLAIMED)


@pytest.mark.parametrize(
    "charge_key", ["nonsense", key(RESERVE), key(CHARGE, "ORDER-404"), key(CHARGE, submission="other")]
)
def test_an_effect_that_the_book_does_not_know(charge_key: str) -> None:
    report = audit(FULFILLED_BOOK, replace(FULFILLED_WORLD, charges=(PAID, ChargeEntry(charge_key, 1, 1))))
    assert broken(report) == {UNCLAIMED}
    assert violations(report, UNCLAIMED) == f"{charge_key}: unknown to the book"


@pytest.mark.parametrize("effect", Effect)
def test_an_effect_that_is_done_in_the_book_alone(effect: Effect) -> None:
    report = audit(booked(SubmissionStatus.OPEN, {effect: DONE}), NOTHING)
    assert broken(report) == {TRUE}
    assert f"{effect} is done in the book" in violations(report, TRUE)


@pytest.mark.parametrize(
    "world",
    [
        replace(FAILED_WORLD, charges=()),
        replace(FAILED_WORLD, charges=(PAID,)),
        replace(FAILED_WORLD, reservations=()),
        replace(FAILED_WORLD, reservations=(RESERVED,), stock=(TWO_RESERVED,)),
        replace(FAILED_WORLD, shipments=()),
        replace(FAILED_WORLD, shipments=(BOUGHT,)),
    ],
)
@pytest.mark.parametrize("status", [SubmissionStatus.OPEN, SubmissionStatus.FAILED])
def test_an_effect_that_is_undone_in_the_book_alone(world: Statement, status: SubmissionStatus) -> None:
    assert TRUE in broken(audit(booked(status, FAILED), world))


def test_an_effect_that_happened_behind_its_fence() -> None:
    book = booked(SubmissionStatus.FAILED, {CHARGE: FENCED, DISPATCH: FENCED})
    report = audit(book, replace(NOTHING, charges=(REFUNDED,)))
    assert "by the book, charge never happened" in violations(report, TRUE)


# --- what is listed apart -------------------------------------------------------------------------


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


# --- a system that runs ---------------------------------------------------------------------------


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


def test_the_report_says_in_json_whether_it_is_clean() -> None:
    assert '"clean":true' in audit(FULFILLED_BOOK, FULFILLED_WORLD).model_dump_json()
