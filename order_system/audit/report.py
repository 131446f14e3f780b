"""The audit compares the book with the outside world, as one reconciles with a bank statement.

It takes the ledger before the statement. The account of a closed submission is final by then. That of an open
one may move on meanwhile, and nothing that is legal on the way counts as broken."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Set
from pathlib import Path
from typing import TypeVar

from pydantic import computed_field

from order_system.audit.accounts import Books, draw_up
from order_system.audit.invariants import COMPLETED, INVARIANTS
from order_system.domain.book import EffectState, Ledger, OrderBook, SubmissionStatus
from order_system.domain.gateways import Statement, StatementOfAccounts
from order_system.domain.order import Wire
from order_system.domain.reconciliation import OrderRuns
from order_system.domain.refunds import RefundState
from order_system.domain.steps import Effect
from order_system.domain.wording import Timestamp
from order_system.infra.process import STARTER

Listed = TypeVar("Listed", bound="UnsettledEffect")
Submission = tuple[str, str]
"""Order ID, submission."""

_TEXTS: dict[str, str] = tomllib.loads(Path(__file__).with_name("cures.toml").read_text("utf-8"))
CURES = {name: cure.replace("starter.py", STARTER) for name, cure in _TEXTS.items()}
"""What a person should do about a violation of each invariant, by the invariant's name."""


class Check(Wire):
    name: str
    holds: bool
    violations: tuple[str, ...]
    """One line each, for people: whose it is, under which key, and what is wrong."""
    cure: str


class OpenSubmission(Wire):
    order_id: str
    submission: str
    opened_at: Timestamp


class UnsettledEffect(Wire):
    order_id: str
    submission: str
    effect: Effect
    in_world: bool | None
    """Whether the world says that it happened. None: it does not tell."""


class HandledEffect(UnsettledEffect):
    by: str | None
    at: Timestamp | None
    note: str | None


class AuditReport(Wire):
    checks: tuple[Check, ...]
    open_submissions: tuple[OpenSubmission, ...]
    in_doubt: tuple[UnsettledEffect, ...]
    """Effects that were undone while an attempt was unanswered: the reconciler looks at them again."""
    handled: tuple[HandledEffect, ...]
    """Effects that a person has handled, with the reason: the checks leave them out."""
    refunds: tuple[str, ...]
    """One line each for refunds under way, and for those that a person handled. The world may know them."""
    submissions: dict[str, int]
    """How many submissions have each status."""
    effects: dict[str, int]
    """How many effects of each kind the world knows, and how many of these it has reversed."""
    not_told: tuple[Effect, ...] = ()
    """Effects about which the world tells nothing: for them the book was compared with nothing."""

    @computed_field
    @property
    def clean(self) -> bool:
        return all(check.holds for check in self.checks)


async def audit_now(
    book: OrderBook, world: StatementOfAccounts, runs: OrderRuns | None = None
) -> AuditReport:
    """Audit a system that may be running. An effect that happened after the ledger was taken looks unclaimed,
    so the book is asked once more. With `runs` the server is asked about each open submission."""
    ledger = await book.ledger()
    statement = await world.statement()
    completed = await _completed(ledger, runs) if runs else None
    report = audit(ledger, statement, completed=completed)
    if report.clean:
        return report
    later = await book.ledger()
    still = None if completed is None else completed & set(_open(later))
    return audit(ledger, statement, later=later, completed=still)


async def _completed(ledger: Ledger, runs: OrderRuns) -> set[Submission]:
    found: set[Submission] = set()
    for order_id, submission in _open(ledger):
        run = await runs.current_run(order_id)
        if run is not None and run.completed and run.submission == submission:
            found.add((order_id, submission))
    return found


def _open(ledger: Ledger) -> Iterator[Submission]:
    for record, _ in ledger.entries:
        if record.status is SubmissionStatus.OPEN:
            yield record.ref.order_id, record.ref.submission


def audit(
    ledger: Ledger,
    statement: Statement,
    *,
    later: Ledger | None = None,
    completed: Set[Submission] | None = None,
) -> AuditReport:
    """Check all invariants; a pure function. `later` is a ledger taken after the statement, with more claims.
    `completed`: open submissions whose workflow has completed. None skips that check: no server was asked."""
    books = draw_up(ledger, statement, later or ledger, completed or frozenset())
    checked = {name: tuple(find(books)) for name, find in INVARIANTS.items()}
    if completed is None:
        del checked[COMPLETED]
    return AuditReport(
        checks=tuple(
            Check(name=name, holds=not lines, violations=lines, cure=CURES[name])
            for name, lines in checked.items()
        ),
        open_submissions=tuple(
            OpenSubmission(
                order_id=account.record.ref.order_id,
                submission=account.record.ref.submission,
                opened_at=account.record.opened_at,
            )
            for account in books.accounts
            if account.record.status is SubmissionStatus.OPEN
        ),
        in_doubt=tuple(_effects_in(EffectState.IN_DOUBT, books, UnsettledEffect)),
        handled=tuple(_effects_in(EffectState.HANDLED, books, HandledEffect)),
        refunds=tuple(
            f"{order_id}: {each}"
            for order_id, found in ledger.refunds.items()
            for each in found
            if each.state in (RefundState.UNDER_WAY, RefundState.HANDLED)
        ),
        submissions=dict(Counter(str(account.record.status) for account in books.accounts)),
        effects=_count_effects(statement, books),
        not_told=tuple(effect for effect in Effect if effect not in statement.told),
    )


def _effects_in(state: EffectState, books: Books, kind: type[Listed]) -> Iterator[Listed]:
    for account in books.accounts:
        for effect, entry in account.journal.items():
            if entry.state is state:
                in_world = account.happened(effect) > 0 if effect in account.told else None
                told = {**account.record.ref.model_dump(), "effect": effect, "in_world": in_world}
                by_hand = {"by": entry.handled_by, "at": entry.undo_ended_at, "note": entry.handled_note}
                yield kind.model_validate(told | by_hand)


def _count_effects(statement: Statement, books: Books) -> dict[str, int]:
    """Count effects by kind. Payments made elsewhere count only if an order has them: others may be there."""
    charges, notices = statement.charges or (), statement.notices or ()
    authorisations = Counter(each.state for each in statement.authorisations or ())
    reservations = Counter(reservation.state for reservation in statement.reservations or ())
    shipments = Counter(shipment.state for shipment in statement.shipments or ())
    payments = {account.payment for account in books.accounts if account.payment}
    return {
        "charge": len(charges),
        "authorise": authorisations.total(),
        "void authorisation": authorisations["voided"],
        "refund": sum(each.refunded > 0 for each in (*charges, *payments)),
        "payment made elsewhere": len(payments),
        "reserve": reservations.total(),
        "release": reservations["released"],
        "commit": reservations["committed"],
        "label": shipments.total(),
        "void": shipments["voided"],
        "dispatch": shipments["dispatched"],
        "notify": len(notices),
    }
