"""Guards taken away, one at a time, for the length of a block."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from activities import attempts
from activities import payment as payment_activities
from activities.payment import PaymentActivities
from order_system.book import entries as book_entries
from order_system.book import order_book
from order_system.book.entries import Entries
from order_system.domain.book import EffectState, JournalEntry
from order_system.domain.errors import Fenced
from order_system.domain.gateways import NotCaptured
from order_system.domain.order import PaymentReceipt, RefundReceipt
from order_system.domain.steps import UNDOS, Effect, Step
from order_system.gateways.simulated import payment as payment_gateway
from order_system.gateways.simulated.tables import charges
from tests.properties.bench import Bench


@contextmanager
def no_fence(_: Bench) -> Iterator[None]:
    """A claim is granted all the same."""
    granted = Entries.claim

    def claim_regardless(ours: Entries, effect: Effect, *args: Any) -> JournalEntry:
        try:
            return granted(ours, effect, *args)
        except Fenced:
            return JournalEntry(effect, EffectState.CLAIMED, 1, 1, None, None, None, None, None, None)

    with patch.object(Entries, "claim", claim_regardless):
        yield


@contextmanager
def no_unique_key(bench: Bench) -> Iterator[None]:
    """The payment gateway takes no notice of the key: whoever asks twice pays twice."""

    def never_seen_before(*_: Any) -> None:
        return None

    columns = ", ".join(f"{column.name} {column.type}" for column in charges.columns)
    drop = ("PRAGMA foreign_keys = OFF", f"DROP TABLE {charges.name}")
    with patch.object(payment_gateway, "_find_charge", never_seen_before):
        bench.execute(*drop, f"CREATE TABLE {charges.name} ({columns})")
        try:
            yield
        finally:
            guarded = f"CREATE TABLE {charges.name} ({columns}, PRIMARY KEY (key))"
            bench.execute(*drop, guarded, "PRAGMA foreign_keys = ON")


@contextmanager
def no_wait_for_shippings_answer(_: Bench) -> Iterator[None]:
    """Money and stock are given back before anybody knows where the parcel is."""
    with patch.object(order_book, "GIVEN_BACK", {}):
        yield


@contextmanager
def nothing_found_is_believed_at_once(_: Bench) -> Iterator[None]:
    """An undo that finds no charge does not wait for the attempt that may still make it."""
    with patch.object(attempts, "nothing_found", lambda _entry, _attempt: EffectState.NEVER_HAPPENED):
        yield


@contextmanager
def paid_orders_are_charged(_: Bench) -> Iterator[None]:
    """What says that the order is paid already is taken for a token like any other."""
    with patch.object(payment_activities, "reference_of", lambda _: None):
        yield


@contextmanager
def dispatch_before_capture(_: Bench) -> Iterator[None]:
    """The book lets a parcel go whose money is only held."""
    with patch.object(book_entries, "waits_for_capture", lambda _: False):
        yield


@contextmanager
def captures_are_not_fenced(_: Bench) -> Iterator[None]:
    """An undo of payment fences the charge alone."""
    charge_alone = replace(UNDOS[Step.PAYMENT], effects=(Effect.CHARGE,))
    with patch.object(order_book, "UNDOS", {**UNDOS, Step.PAYMENT: charge_alone}):
        yield


@contextmanager
def the_gateway_is_not_asked_who_was_first(_: Bench) -> Iterator[None]:
    """What the book has not heard of counts as not captured."""
    sound = PaymentActivities._void_or_refund

    async def by_the_book(money: Any, key: str, journal: Any) -> Any:
        if journal[Effect.CAPTURE].state is EffectState.DONE:
            return await sound(money, key, journal)
        await money.gateway.void(key, receipt=None)
        return NotCaptured(authorised=True)

    with patch.object(PaymentActivities, "_void_or_refund", by_the_book):
        yield


@contextmanager
def captures_are_not_refunded(_: Bench) -> Iterator[None]:
    """An undo that finds the money captured says that it has given it back, and does not."""

    async def says_so(money: Any, key: str, _: Any) -> Any:
        answer = await money.gateway.void(key, receipt=None)
        if isinstance(answer, PaymentReceipt):
            return RefundReceipt(refund_id="re_none", amount=answer.amount, currency=answer.currency)
        return answer if answer.authorised else None

    with patch.object(PaymentActivities, "_void_or_refund", says_so):
        yield
