"""How every effect and every undo is carried out. `order_system/book/order_book.py` explains the book's
side."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError

from order_system.domain import policy
from order_system.domain.book import Attempt, EffectState, JournalEntry, OrderBook
from order_system.domain.errors import BusinessError, NotReached, StillInDoubt
from order_system.domain.ids import Effect
from order_system.domain.messages import UndoAnswer, UndoRequest, UndoResult
from order_system.domain.order import SubmissionRef, Wire

Receipt = TypeVar("Receipt", bound=Wire)


def this_attempt() -> Attempt:
    info = activity.info()
    limit = info.start_to_close_timeout or policy.EFFECT_ATTEMPT
    return Attempt(started_at=info.started_time, deadline=info.started_time + limit, namespace=info.namespace)


def time_left(attempt: Attempt) -> float:
    """Seconds that a call to the outside world may take: it ends with its attempt, however late the book
    let it begin. After that nobody waits for it, and somebody may have answered instead. Raises NotReached.
    """
    left = attempt.deadline - attempt.now()
    if left <= timedelta(0):
        raise NotReached("the book answered too late to begin")
    return min(left, policy.GATEWAY_CALL).total_seconds()


async def ask(
    book: OrderBook,
    ref: SubmissionRef,
    effect: Effect,
    call: Callable[[str], Awaitable[Receipt]],
    attempt: Attempt,
) -> Receipt:
    """Call the gateway under a key that is claimed. A definite no is told to the book, so that a later
    undo need not wait for this attempt; after anything else the attempt counts as unanswered.

    The call ends with its attempt, however late the claim was granted: an undo believes "nothing found" as
    soon as the attempt's deadline has passed.
    """
    try:
        async with asyncio.timeout(time_left(attempt)):
            return await call(ref.key(effect))
    except (BusinessError, NotReached):
        await book.answered_no(ref, effect)
        raise


async def carry_out(
    book: OrderBook,
    ref: SubmissionRef,
    claimed: JournalEntry,
    receipt_type: type[Receipt],
    call: Callable[[str], Awaitable[Receipt]],
    *,
    attempt: Attempt,
) -> Receipt:
    """Call and record; or, if an earlier attempt has recorded a receipt, return that and call nothing."""
    if claimed.state is EffectState.DONE:
        return receipt_type.model_validate(claimed.receipt)
    receipt = await ask(book, ref, claimed.effect, call, attempt)
    await book.record(ref, claimed.effect, receipt, attempt.now())
    return receipt


async def undo(
    book: OrderBook,
    request: UndoRequest,
    effect: Effect,
    reverse: Callable[[str], Awaitable[Receipt | None]],
) -> EffectState:
    """Fence, reverse, settle: for an effect that may only be undone once shipping's verdict is in.

    Returns UNDONE, FENCED (it never happened), IN_DOUBT (nothing found, one attempt never answered), or
    HANDLED (a person settled it before). `undo_answer` says it in words.
    Raises VerdictMissing or StillInDoubt, both to be retried. Idempotent.
    """
    ref, attempt = request.submission, this_attempt()
    entries = await book.fence(ref, [effect], verdict=request.verdict, attempt=attempt, needs_verdict=True)
    entry = entries[effect]
    if entry.settled_at is not None:
        return entry.state
    state = entry.state
    if state in (EffectState.DONE, EffectState.IN_DOUBT):
        async with asyncio.timeout(time_left(attempt)):
            reversed_ = await reverse(ref.key(effect))
        state = EffectState.UNDONE if reversed_ is not None else nothing_found(entry, attempt)
    await book.settle(ref, {effect: state}, verdict=request.verdict, at=attempt.now())
    return state


def undo_answer(effect: Effect, state: EffectState) -> UndoAnswer:
    """What an undo answers that has ended with its effect in this state."""
    undone, nothing = _IN_WORDS[effect]
    if state is EffectState.UNDONE:
        return UndoAnswer(result=UndoResult.UNDONE, detail=undone)
    if state is EffectState.HANDLED:
        return UndoAnswer(result=UndoResult.HANDLED, detail="handled by hand")
    return UndoAnswer(result=UndoResult.NOTHING_TO_UNDO, detail=nothing)


_IN_WORDS = {
    Effect.CHARGE: ("refunded", "nothing was charged"),
    Effect.RESERVE: ("stock released", "nothing was reserved"),
    Effect.LABEL: ("label voided", "nothing was shipped"),
}


def nothing_found(entry: JournalEntry, attempt: Attempt) -> EffectState:
    """Whether "nothing there" may be believed. Raises StillInDoubt if not, or not yet."""
    if entry.state is EffectState.DONE:
        raise StillInDoubt(f"the book has a receipt for {entry.effect}, but the gateway knows nothing of it")
    if entry.unanswered == 0:
        return EffectState.FENCED
    if entry.unanswered_until is not None and attempt.now() < entry.unanswered_until:
        remaining = entry.unanswered_until - attempt.now()
        raise ApplicationError(
            f"{entry.effect} may still land: asking again when its last attempt has run out",
            type=StillInDoubt.__name__,
            next_retry_delay=max(remaining, timedelta(0)),
        )
    return EffectState.IN_DOUBT
