"""Takes effects back by their keys, whether or not anybody knows that they happened."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio.exceptions import ApplicationError

from activities.attempts import retry_when_asked_to, this_attempt, time_left
from order_system.domain.book import Attempt, EffectState, JournalEntry, OrderBook
from order_system.domain.errors import AnswerLost, BusinessError, NotReached, StillInDoubt
from order_system.domain.gateways import NotCaptured
from order_system.domain.messages import UndoAnswer, UndoRequest, UndoResult
from order_system.domain.money import format_amount
from order_system.domain.order import RefundReceipt, Wire
from order_system.domain.steps import AUTHORISATION_VOIDED, STEP_OF, UNDOS, Effect

Answer = TypeVar("Answer")
Reverse = Callable[[str], Awaitable[Wire | NotCaptured | None]]
"""Gives back at the gateway what was done under a key. None if the gateway knows of nothing (yet)."""


async def retried_always(call: Callable[[], Awaitable[Answer]], attempt: Attempt) -> Answer:
    """Call a gateway for an undo. Money and stock are owed until they are given back, so no error that a
    gateway raises may end the retries."""
    limit = asyncio.timeout(time_left(attempt))
    try:
        async with limit:
            return await call()
    except BusinessError as no:
        raise (AnswerLost(f"cut off, it then said: {no}") if limit.expired() else no) from no.__cause__
    except ApplicationError as final:
        raise AnswerLost(f"{final.type or 'ApplicationError'}: {final.message}") from final
    except NotReached as failure:
        retry_when_asked_to(failure)
        raise


async def undo(book: OrderBook, request: UndoRequest, effect: Effect, reverse: Reverse) -> UndoAnswer:
    """Fence the key, reverse the effect at the gateway, end the undo. The effect must be one that may only be
    given back once shipping's undo has answered `voided`. A charge includes its capture. Idempotent.

    "Nothing to undo" means that the effect never happened; or that nothing was found, and an attempt was
    never answered: then the key stays in doubt. Raises NotYetVoided or StillInDoubt, both to be retried."""
    ref, attempt = request.submission, this_attempt()
    entries = await book.fence(ref, STEP_OF[effect], cause=request.cause, attempt=attempt)
    entry = entries.pop(effect)
    if entry.undo_ended_at is not None:
        return undo_answer(effect, entry.state)
    state, receipt = entry.state, None
    if state in (EffectState.DONE, EffectState.IN_DOUBT):
        receipt = await retried_always(lambda: reverse(ref.key(effect)), attempt)
        state = EffectState.UNDONE if receipt is not None else nothing_found(entry, attempt)
    taken = isinstance(receipt, RefundReceipt)
    captures = dict.fromkeys(entries, EffectState.UNDONE if taken else EffectState.NEVER_HAPPENED)
    await book.end_undo(ref, {effect: state, **captures}, cause=request.cause, at=attempt.now())
    return undo_answer(effect, state, receipt)


def undo_answer(effect: Effect, state: EffectState, receipt: Wire | NotCaptured | None = None) -> UndoAnswer:
    """Return the answer of an undo that has ended with its effect in this state."""
    if state is EffectState.UNDONE:
        return UndoAnswer(result=UndoResult.UNDONE, detail=given_back(effect, receipt))
    if state is EffectState.HANDLED:
        return UndoAnswer(result=UndoResult.HANDLED, detail="handled by hand")
    return UndoAnswer(result=UndoResult.NOTHING_TO_UNDO, detail=UNDOS[STEP_OF[effect]].nothing)


def given_back(effect: Effect, receipt: Wire | NotCaptured | None) -> str:
    """Say for people what was given back: `stock released`, `refunded 1,059.97 USD`."""
    if isinstance(receipt, NotCaptured):
        return AUTHORISATION_VOIDED
    done = UNDOS[STEP_OF[effect]].done
    if isinstance(receipt, RefundReceipt):
        return f"{done} {format_amount(receipt.amount, receipt.currency)}"
    return done


def nothing_found(entry: JournalEntry, attempt: Attempt) -> EffectState:
    """Return the state if "nothing there" may be believed. Raises StillInDoubt if it may not, or not yet."""
    if entry.state is EffectState.DONE:
        raise StillInDoubt(f"the book has a receipt for {entry.effect}, but the gateway knows nothing of it")
    if entry.unanswered == 0:
        return EffectState.NEVER_HAPPENED
    if entry.unanswered_until is not None and attempt.now() < entry.unanswered_until:
        remaining = entry.unanswered_until - attempt.now()
        raise ApplicationError(
            f"{entry.effect} may still land: asking again when its last attempt has run out",
            type=StillInDoubt.__name__,
            next_retry_delay=max(remaining, timedelta(0)),
        )
    return EffectState.IN_DOUBT
