"""How effects and undos are carried out. `order_system/book/order_book.py` explains the book's side."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
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
Answer = TypeVar("Answer")
Call = Callable[[Key], Awaitable[Receipt]]
Reverse = Callable[[str], Awaitable[Wire | NotCaptured | None]]
"""Gives back at the gateway what was done under a key. None if it knows of nothing there (yet)."""

GAVE_UP = "GaveUp"
"""Type of the ApplicationError that ends the attempts at an effect; its cause: what the last failed of."""


def attempt_number() -> int:
    """Of the activity that runs, from 1. The server does not count a first attempt that was a local one."""
    info = activity.info()
    return info.attempt + (info.activity_id == AFTER_FIRST)


def started_at(request: object) -> datetime:
    """By the server's clock: what a local activity has of its own is the worker's."""
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
    """Seconds that a call to the outside world may take: it ends with its attempt, however late the book
    let it begin. After that nobody waits for it, and somebody may have answered instead. Raises BookTooLate.
    """
    left = attempt.deadline - attempt.now()
    if left <= timedelta(0):
        raise BookTooLate("the book answered too late to begin")
    longest = policy.FIRST_CALL if activity.info().is_local else policy.GATEWAY_CALL
    return min(left, longest).total_seconds()


class Effects:
    """How a step carries out its effects. `patience`: attempts that may reach its gateway before it fails."""

    def __init__(self, book: OrderBook, patience: int, *, late: bool = False) -> None:
        """`late`: for orders whose workflow has ended before."""
        self._book = book
        self._patience = patience
        self._late = late

    @contextmanager
    def patiently(self, request: StepRequest) -> Generator[Attempt]:
        """One attempt at an effect, and whether it was the last one. The server would retry it for ever.

        What counts is what reached the gateway: so many claims of this run of the workflow, the last of which
        failed there, and the step has failed. Trouble of our own book never counts, however long it lasts;
        any other exception, a bug say, counts by the activity's attempt.
        """
        attempt = this_attempt(request)
        try:
            yield attempt
        except (BusinessError, *OUR_OWN_TROUBLE) as failure:
            if (told := as_ours(failure)) is failure:
                raise
            raise told from failure
        except Exception as failure:
            used = attempt.reached or attempt_number()
            if used < self._patience and not isinstance(failure, OutcomeUnknown):
                _retry_when_asked_to(failure)
                raise
            words = f"gave up after {used} attempts"
            raise ApplicationError(words, type=GAVE_UP, non_retryable=True) from failure

    async def open_and_claim(
        self,
        ref: SubmissionRef,
        effect: Effect,
        attempt: Attempt,
        opening: Opening,
        *,
        check_earlier: Callable[[frozenset[str]], Awaitable[None]] | None = None,
    ) -> JournalEntry | GivesWay:
        """Open the submission together with its first effect, of whichever step comes first: as the book's,
        with the checks that an order needs which was submitted before. `check_earlier` is told of those
        submissions, and raises if the effect must not happen after them.

        Raises Fenced and ServerUnreachable, and as the book's."""
        claimed = await self._book.open_and_claim(ref, effect, attempt, opening)
        while isinstance(claimed, frozenset):
            await _check_newest(ref, within=timedelta(seconds=time_left(attempt)))
            if check_earlier is not None:
                await check_earlier(claimed)
            claimed = await self._book.open_and_claim(ref, effect, attempt, opening, earlier=claimed)
        return claimed

    async def carry_out(
        self, request: StepRequest, effect: Effect, receipt_type: type[Receipt], call: Call[Receipt]
    ) -> Receipt:
        """Claim the effect's key, call the gateway with it, record the receipt. Idempotent. Raises Fenced,
        and the ApplicationError GAVE_UP once the patience is used."""
        ref = request.submission
        with self.patiently(request) as attempt:
            claimed = await self._book.claim(ref, effect, attempt)
            return await self.call_and_record(ref, claimed, receipt_type, call, attempt)

    async def call_and_record(
        self,
        ref: SubmissionRef,
        claimed: JournalEntry,
        receipt_type: type[Receipt],
        call: Call[Receipt],
        attempt: Attempt,
    ) -> Receipt:
        """If an earlier attempt has recorded a receipt, that is returned, and nothing is called."""
        if claimed.state is EffectState.DONE:
            return receipt_type.model_validate(claimed.receipt)
        receipt = await self.call_gateway(ref, claimed, call, attempt)
        await self._book.record(ref, claimed.effect, receipt, attempt.now(), late=self._late)
        return receipt

    async def call_gateway(
        self, ref: SubmissionRef, claimed: JournalEntry, call: Call[Receipt], attempt: Attempt
    ) -> Receipt:
        """Call the gateway under a key that is claimed. A definite no is told to the book, so that a later
        undo need not wait for this attempt; after anything else the attempt counts as unanswered.

        The call ends with its attempt, however late the claim was granted: an undo believes "nothing found"
        as soon as the attempt's deadline has passed. A worker that dies in each call never fails one: so
        there is no call any more after twice the patience.
        """
        limit = asyncio.timeout(None)
        try:
            attempt.reached = claimed.claims_in_run
            if attempt.reached > 2 * self._patience:
                raise DiesInEachCall(f"{claimed.effect} never came to an end, {2 * self._patience} times")
            async with asyncio.timeout(time_left(attempt)) as limit:
                return await call(Key(ref.key(claimed.effect), claimed.round))
        except TimeoutError as late:
            raise AnswerLost(str(late) or "the gateway did not answer in time") from late
        except (BusinessError, NotReached, DiesInEachCall) as no:
            if limit.expired():  # we have cut it off: what its gateway makes of that is no answer
                raise AnswerLost(f"the gateway did not answer in time, and then said: {no}") from no
            await self._book.answered_no(ref, claimed.effect, refused=isinstance(no, BusinessError))
            raise
        except BookTooLate:
            await self._book.answered_no(ref, claimed.effect, reached=False)
            raise


async def _check_newest(ref: SubmissionRef, *, within: timedelta) -> None:
    """Other submissions of the order have come and gone: an attempt of a terminated workflow must not open
    its own after a later one. No clock tells which is later, since a server's may be set back. The server
    itself does: an order has one workflow at a time, so what was closed before ours is seen is earlier.

    Raises Fenced, and ServerUnreachable."""
    handle = activity.client().get_workflow_handle(order_workflow_id(ref.order_id))
    try:
        order = await handle.describe(rpc_timeout=within)
    except RPCError as error:
        raise ServerUnreachable(f"the Temporal server does not say what runs: {error.message}") from error
    first_run = order.raw_description.workflow_execution_info.first_run_id or order.run_id
    if order.close_time is not None or first_run != ref.submission:
        raise Fenced(f"{ref.order_id} has been submitted again since this step began")


def _retry_when_asked_to(failure: Exception) -> None:
    """Raises the ApplicationError that says how long the provider wants to be left alone, if it does."""
    if isinstance(failure, NotReached) and failure.retry_after is not None:
        pause = min(timedelta(seconds=max(0.0, failure.retry_after)), policy.RETRY_AFTER_AT_MOST)
        words, kind = str(failure), NotReached.__name__
        raise ApplicationError(words, type=kind, next_retry_delay=pause) from failure


async def retried_always(call: Callable[[], Awaitable[Answer]], attempt: Attempt) -> Answer:
    """A call to a gateway for an undo. Money and stock are owed until they are given back, so here no gateway
    can say that it is not to be asked again."""
    limit = asyncio.timeout(time_left(attempt))
    try:
        async with limit:
            return await call()
    except BusinessError as no:
        raise (AnswerLost(f"cut off, it then said: {no}") if limit.expired() else no) from no.__cause__
    except ApplicationError as final:
        raise AnswerLost(f"{final.type or 'ApplicationError'}: {final.message}") from final
    except NotReached as failure:
        _retry_when_asked_to(failure)
        raise


async def undo(book: OrderBook, request: UndoRequest, effect: Effect, reverse: Reverse) -> UndoAnswer:
    """Fence the key, reverse at the gateway, end the undo: for an effect that may only be given back once
    shipping's undo has answered `voided`. With a charge goes its capture.

    Nothing to undo means that the effect never happened, or that nothing was found while one attempt was
    never answered: then the key stays in doubt. Raises NotYetVoided or StillInDoubt, both to be retried.
    Idempotent."""
    ref, attempt, effects = request.submission, this_attempt(), UNDOS[STEP_OF[effect]].effects
    entries = await book.fence(ref, effects, cause=request.cause, attempt=attempt, only_if_voided=True)
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
    """What an undo answers that has ended with its effect in this state."""
    if state is EffectState.UNDONE:
        return UndoAnswer(result=UndoResult.UNDONE, detail=given_back(effect, receipt))
    if state is EffectState.HANDLED:
        return UndoAnswer(result=UndoResult.HANDLED, detail="handled by hand")
    return UndoAnswer(result=UndoResult.NOTHING_TO_UNDO, detail=UNDOS[STEP_OF[effect]].nothing)


def given_back(effect: Effect, receipt: Wire | NotCaptured | None) -> str:
    """For people: `stock released`, `refunded 1,059.97 USD`."""
    if isinstance(receipt, NotCaptured):
        return AUTHORISATION_VOIDED
    done = UNDOS[STEP_OF[effect]].done
    if isinstance(receipt, RefundReceipt):
        return f"{done} {format_amount(receipt.amount, receipt.currency)}"
    return done


def nothing_found(entry: JournalEntry, attempt: Attempt) -> EffectState:
    """Whether "nothing there" may be believed. Raises StillInDoubt if not, or not yet."""
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
