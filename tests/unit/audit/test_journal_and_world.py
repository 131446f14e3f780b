"""The audit's invariants over single effects: in the order of the undo, claimed, and true."""

from dataclasses import replace
from datetime import datetime

import pytest

from order_system.audit.report import audit
from order_system.domain.book import EffectState, Ledger, SubmissionStatus
from order_system.domain.gateways import (
    ChargeEntry,
    Statement,
)
from order_system.domain.steps import Effect
from tests.fixtures.books.audited import (
    ALL_ON_HAND,
    BOUGHT,
    CHARGE,
    CLAIMED,
    DISPATCH,
    DONE,
    FAILED,
    FAILED_BOOK,
    FAILED_WORLD,
    FENCED,
    FULFILLED,
    FULFILLED_BOOK,
    FULFILLED_WORLD,
    IN_DOUBT,
    JOURNAL,
    KEPT,
    LABEL,
    NOTHING,
    NOTIFY,
    PAID,
    REFUNDED,
    RELEASED,
    RESERVE,
    RESERVED,
    SECOND,
    TRUE,
    TWO_RESERVED,
    UNCLAIMED,
    WAITED,
    booked,
    broken,
    key,
    violations,
)


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
