"""Carries out effects, one attempt at a time, and takes them back. `order_system/book/order_book.py` explains
the book's side."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from order_system.domain import policy
from order_system.domain.book import Attempt, EffectState, JournalEntry, OrderBook
from order_system.domain.errors import (
    OUR_OWN_TROUBLE,
    AnswerLost,
    BookTooLate,
    BusinessError,
    DiesInEachCall,
    Fenced,
    NotReached,
    OutcomeUnknown,
    ServerUnreachable,
    StillInDoubt,
    as_ours,
)
from order_system.domain.gateways import NotCaptured
from order_system.domain.ids import AFTER_FIRST, Key, order_workflow_id
from order_system.domain.messages import GivesWay, Opening, StepRequest, UndoAnswer, UndoRequest, UndoResult
from order_system.domain.money import format_amount
from order_system.domain.order import RefundReceipt, SubmissionRef, Wire
from order_system.domain.steps import AUTHORISATION_VOIDED, STEP_OF, UNDOS, Effect

Receipt = TypeVar("Receipt", bound=Wire)
Call = Callable[[Key], Awaitable[Receipt]]
Answer = TypeVar("Answer")
Reverse = Callable[[str], Awaitable[Wire | NotCaptured | None]]
"""Gives back at the gateway what was done under a key. None if the gateway knows of nothing (yet)."""

tried_before: ContextVar[bool] = ContextVar("tried before", default=False)
"""Whether an earlier run of this step has claimed the effect: it was held, and runs again."""

GAVE_UP = "GaveUp"
"""The type of the ApplicationError that ends the attempts at an effect. Its cause is the last failure."""


def attempt_number() -> int:
    """Return the number of the running attempt, from 1. The server does not count a first, local attempt."""
    info = activity.info()
    return info.attempt + (info.activity_id == AFTER_FIRST)


def started_at(request: object) -> datetime:
    """Return when the attempt began, by the server's clock. A local activity's own time is the worker's."""
    info = activity.info()
    return (getattr(request, "first_attempt_at", None) if info.is_local else None) or info.started_time


def this_attempt(request: object = None) -> Attempt:
    info, started = activity.info(), started_at(request)
    limit = None if info.is_local else info.start_to_close_timeout
    return Attempt(
        started_at=started,
        deadline=started + (limit or policy.EFFECT_ATTEMPT),
        namespace=info.namespace,
        run=info.workflow_run_id or "",
    )


def time_left(attempt: Attempt) -> float:
    """Return how many seconds a call to the outside world may take. It ends with its attempt, however late
    the book let it begin: after that nobody waits, and a person may have answered. Raises BookTooLate."""
    left = attempt.deadline - attempt.now()
    if left <= timedelta(0):
        raise BookTooLate("the book answered too late to begin")
    longest = policy.FIRST_CALL if activity.info().is_local else policy.GATEWAY_CALL
    return min(left, longest).total_seconds()


@dataclass(frozen=True)
class Effects:
    """Carries out the effects of a step. The base of each step's activities."""

    book: OrderBook
    patience: int = field(default=max(policy.PATIENCE.values()), kw_only=True)
    """The attempts that may reach the step's gateway before the step fails."""
    late: bool = field(default=False, kw_only=True)
    """True for orders whose workflow has ended."""

    @contextmanager
    def patiently(self, request: StepRequest) -> Generator[Attempt]:
        """Make one attempt at an effect, and end the retries if it was the last: the server has no limit.

        Only attempts that reach the gateway count: the step fails once this run of the workflow has claimed
        as often as the patience allows, and the last attempt has failed there. Trouble of our own book never
        counts, however long it lasts. Any other exception, such as a bug, counts by the attempt's number."""
        attempt = this_attempt(request)
        try:
            yield attempt
        except (BusinessError, *OUR_OWN_TROUBLE) as failure:
            if (told := as_ours(failure)) is failure:
                raise
            raise told from failure
        except Exception as failure:
            used = attempt.reached or attempt_number()
            if used < self.patience and not isinstance(failure, OutcomeUnknown):
                retry_when_asked_to(failure)
                raise
            words = f"gave up after {used} attempts"
            raise ApplicationError(words, type=GAVE_UP, non_retryable=True) from failure

    async def open_and_carry_out(
        self,
        request: StepRequest,
        effect: Effect,
        receipt_type: type[Receipt],
        call: Call[Receipt],
        opening: Opening,
        *,
        check_earlier: Callable[[frozenset[str]], Awaitable[None]] | None = None,
    ) -> Receipt | GivesWay:
        """Carry out the effect, of whichever step comes first, and open the submission in the book with it.
        If the order was submitted before, check that first. `check_earlier` gets the earlier submissions, and
        raises if the effect must not happen after them.

        Raises Fenced, ServerUnreachable, GAVE_UP, and what the book's `open_and_claim` raises."""
        ref = request.submission
        with self.patiently(request) as attempt:
            claimed = await self.book.open_and_claim(ref, effect, attempt, opening)
            while isinstance(claimed, frozenset):
                await _check_newest(ref, within=timedelta(seconds=time_left(attempt)))
                if check_earlier is not None:
                    await check_earlier(claimed)
                claimed = await self.book.open_and_claim(ref, effect, attempt, opening, earlier=claimed)
            if not isinstance(claimed, JournalEntry):
                return claimed
            return await self._call_and_record(ref, claimed, receipt_type, call, attempt)

    async def carry_out(
        self, request: StepRequest, effect: Effect, receipt_type: type[Receipt], call: Call[Receipt]
    ) -> Receipt:
        """Claim the effect's key, call the gateway with it, record the receipt. Idempotent. Raises Fenced,
        and the ApplicationError GAVE_UP once the patience is used up."""
        ref = request.submission
        with self.patiently(request) as attempt:
            claimed = await self.book.claim(ref, effect, attempt)
            return await self._call_and_record(ref, claimed, receipt_type, call, attempt)

    async def _call_and_record(
        self,
        ref: SubmissionRef,
        claimed: JournalEntry,
        receipt_type: type[Receipt],
        call: Call[Receipt],
        attempt: Attempt,
    ) -> Receipt:
        """Call the gateway and record its receipt. If an earlier attempt has recorded one, return that."""
        if claimed.state is EffectState.DONE:
            return receipt_type.model_validate(claimed.receipt)
        receipt = await self.call_gateway(ref, claimed, call, attempt)
        await self.book.record(ref, claimed.effect, receipt, attempt.now(), late=self.late)
        return receipt

    async def call_gateway(
        self, ref: SubmissionRef, claimed: JournalEntry, call: Call[Receipt], attempt: Attempt
    ) -> Receipt:
        """Call the gateway under a claimed key. A definite no, or that it was not reached, is noted in the
        book, so that a later undo need not wait for this attempt. After any other failure the attempt counts
        as unanswered.

        The call ends with its attempt, however late the claim was granted: an undo believes "nothing found"
        as soon as the attempt's deadline has passed. A worker that dies in each call never reports a failure,
        so no more calls are made after twice the patience."""
        limit = asyncio.timeout(None)
        try:
            attempt.reached = claimed.claims_in_run
            tried_before.set(claimed.attempts > claimed.claims_in_run)
            if attempt.reached > 2 * self.patience:
                raise DiesInEachCall(f"{claimed.effect} never came to an end, {2 * self.patience} times")
            async with asyncio.timeout(time_left(attempt)) as limit:
                return await call(Key(ref.key(claimed.effect), claimed.round))
        except TimeoutError as late:
            raise AnswerLost(str(late) or "the gateway did not answer in time") from late
        except (BusinessError, NotReached, DiesInEachCall) as no:
            if limit.expired():  # we cut the call off: what its gateway says then is no answer
                raise AnswerLost(f"the gateway did not answer in time, and then said: {no}") from no
            await self.book.answered_no(ref, claimed.effect, refused=isinstance(no, BusinessError))
            raise
        except BookTooLate:
            await self.book.answered_no(ref, claimed.effect, reached=False)
            raise


async def _check_newest(ref: SubmissionRef, *, within: timedelta) -> None:
    """Make sure that this submission is the newest of its order: an attempt of a terminated workflow must not
    open its own after a later one. No clock tells which is later, since a server's may be set back. We ask
    the server: an order has one workflow at a time, so if ours is open, the closed ones were earlier.

    Raises Fenced and ServerUnreachable."""
    handle = activity.client().get_workflow_handle(order_workflow_id(ref.order_id))
    try:
        order = await handle.describe(rpc_timeout=within)
    except RPCError as error:
        raise ServerUnreachable(f"the Temporal server does not say what runs: {error.message}") from error
    first_run = order.raw_description.workflow_execution_info.first_run_id or order.run_id
    if order.close_time is not None or first_run != ref.submission:
        raise Fenced(f"{ref.order_id} has been submitted again since this step began")


def retry_when_asked_to(failure: Exception) -> None:
    """If the provider wants a pause, raise the ApplicationError that tells the server how long."""
    if isinstance(failure, NotReached) and failure.retry_after is not None:
        pause = min(timedelta(seconds=max(0.0, failure.retry_after)), policy.RETRY_AFTER_AT_MOST)
        words, kind = str(failure), NotReached.__name__
        raise ApplicationError(words, type=kind, next_retry_delay=pause) from failure


# --- undos: taking effects back by their keys, whether or not anybody knows that they happened ------------


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
