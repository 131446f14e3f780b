"""Invariants of `invariants.py` that the book must keep by itself, and what its customers are told."""

from collections.abc import Iterator

from order_system.audit.accounts import MONEY, Account
from order_system.domain.book import EffectState, Notice, SubmissionStatus
from order_system.domain.messages import NoticeKind
from order_system.domain.order import PaymentReceipt
from order_system.domain.steps import Effect

NEEDED = (Effect.CHARGE, Effect.RESERVE, Effect.LABEL, Effect.DISPATCH, Effect.COMMIT)
"""The effects without which no order is fulfilled."""


def status_agrees_with_journal(account: Account) -> Iterator[str]:
    for effect in {*NEEDED, account.takes_money} if account.fulfilled else ():
        entry = account.journal.get(effect)
        if entry is None or entry.state not in (EffectState.DONE, EffectState.HANDLED):
            state = "missing" if entry is None else entry.state.words
            yield f"{account.at(effect)}: by the book the order is fulfilled, its {effect} {state}"
    for effect, entry in account.journal.items() if account.undone else ():
        if entry.held and effect is not Effect.NOTIFY:
            state = entry.state.words
            yield f"{account.at(effect)}: by the book the order is undone, its {effect} {state}"
    is_open = account.record.status is SubmissionStatus.OPEN
    if is_open != (account.record.closed_at is None):
        yield f"{account}: by the book it was closed at {account.record.closed_at}"
    yield from _entries_are_complete(account)


def _entries_are_complete(account: Account) -> Iterator[str]:
    record = account.record
    for effect, entry in account.journal.items():
        if entry.state is EffectState.DONE and entry.receipt is None:
            yield f"{account.at(effect)}: {effect} is done in the book, which has no receipt of it"
        if entry.state is EffectState.HANDLED and not entry.handled_by:
            yield f"{account.at(effect)}: by the book {effect} was handled by hand, and it names nobody"
        if effect in MONEY and entry.receipt:
            paid = PaymentReceipt.model_validate(entry.receipt)
            if (paid.amount, paid.currency) != (record.total, record.currency):
                yield f"{account.at(effect)}: by its receipt {paid}, of a total of {account.total}"


def customers_are_told(account: Account) -> Iterator[str]:
    """Check what the customer is told, and that somebody owes it to them."""
    told, notified = account.record.notice, account.journal.get(Effect.NOTIFY)
    given_back = EffectState.UNDONE, EffectState.HANDLED
    charge = account.journal.get(Effect.CHARGE)
    if told is None and (account.fulfilled or (account.undone and charge and charge.state in given_back)):
        yield f"{account}: the book does not say whether its customer was told how it ended"
    if told == Notice.SENT and (notified is None or notified.state is not EffectState.DONE):
        yield f"{account.at(Effect.NOTIFY)}: by the book its customer was told, but no notice is done"
    untrue = NoticeKind.CANCELLATION if account.fulfilled else NoticeKind.CONFIRMATION
    if (account.fulfilled or account.undone) and untrue in [notice.kind for notice in account.notices]:
        yield f"{account.at(Effect.NOTIFY)}: its customer got a {untrue}"


def completed_is_closed(account: Account) -> Iterator[str]:
    """Check the submissions about which `report.audit_now` has asked the server."""
    if account.completed:
        yield f"{account}: its workflow has completed, and the book has it open"
