"""Finds submissions that no workflow is at work on, asks again about keys in doubt, sends owed notices."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio import activity

from activities.answers import AnswerActivities
from activities.attempts import Reverse, given_back, this_attempt
from activities.notification import NotificationActivities
from activities.shipping import ShippingActivities
from order_system.domain import messages, policy
from order_system.domain.book import EffectState
from order_system.domain.reconciliation import (
    Finding,
    KeyAnswer,
    KeyInDoubt,
    KeyPage,
    KeyPageRequest,
    NoticeAnswer,
    NoticePage,
    OlderOnes,
    OrderRuns,
    OwedNotice,
    ReconciliationBook,
    SubmissionPage,
    SubmissionPageRequest,
    TallyName,
    is_abandoned,
)
from order_system.domain.steps import Effect

Item = TypeVar("Item")
Found = TypeVar("Found")


@dataclass(frozen=True)
class ReconciliationActivities:
    book: ReconciliationBook
    runs: OrderRuns
    shipping: ShippingActivities
    answers: AnswerActivities
    notification: NotificationActivities
    reversals: Mapping[Effect, Reverse]

    @activity.defn
    async def look_over(self, request: SubmissionPageRequest) -> SubmissionPage:
        """Return a page of open submissions, and which of them no workflow is at work on. Before the first
        page, start the orders whose first task the server has forgotten. Changes nothing else.

        A failed look-up fails the page. It never counts as "nothing is open"."""
        asked = await self._asked(request)
        if request.after_order is None:
            await self.runs.begin_forgotten(asked.before)
        found = await self.book.open_submissions(asked)
        runs = await _each(found, lambda ref: self.runs.current_run(ref.order_id))
        abandoned = [ref for ref, run in zip(found, runs, strict=True) if is_abandoned(run)]
        left_alone = (ref for ref in found if ref not in abandoned)
        return SubmissionPage(
            looked_at=len(found),
            left_alone=tuple(Finding.about(ref, "its workflow is open") for ref in left_alone),
            abandoned=tuple(abandoned),
            next=found[-1].order_id if len(found) == policy.RECONCILE_PAGE else None,
        )

    async def _asked(self, request: SubmissionPageRequest) -> OlderOnes:
        """Return the query for submissions that are old enough, by the clock of the server that has them."""
        before = this_attempt().started_at - timedelta(seconds=request.min_age_seconds)
        return OlderOnes(await self.runs.server(), before, request.after_order)

    @activity.defn
    async def void_abandoned(self, request: messages.UndoRequest) -> messages.UndoAnswer | None:
        """Undo shipping, as in every order. Does nothing and returns None if a workflow is at work on the
        submission again, since a reset has opened it. Idempotent.

        We look for the workflow here, right before the fence, and not in an activity of its own: without a
        worker, any time could pass between the two. docs/adr/0008 describes the gap that is left."""
        if not is_abandoned(await self.runs.current_run(request.submission.order_id)):
            return None
        return await self.shipping.void_shipment(request)

    @activity.defn
    async def handle_abandoned(self, request: messages.HandledUndo) -> messages.HandledUndoAnswer | None:
        """Record what a person has handled of a submission that no workflow is at work on. Returns None as
        `void_abandoned` does. Idempotent. Raises what `end_undo_by_hand` raises."""
        if not is_abandoned(await self.runs.current_run(request.submission.order_id)):
            return None
        return await self.answers.end_undo_by_hand(request)

    @activity.defn
    async def send_owed(self, request: SubmissionPageRequest) -> NoticePage:
        """Send a page of owed notices, which no workflow is left to send. Each is sent under the key that the
        order would have used, to the customer whom the server knows. Idempotent."""
        attempt = this_attempt()
        owed = await self.book.owed_notices(await self._asked(request))
        answers = await _each(owed, lambda notice: self._send(notice, attempt.now()))
        return NoticePage(
            answers=tuple(filter(None, answers)),
            next=owed[-1].order_id if len(owed) == policy.RECONCILE_PAGE else None,
        )

    async def _send(self, owed: OwedNotice, now: datetime) -> NoticeAnswer | None:
        """Send one notice. Returns None if a workflow is at work on the order."""
        if not is_abandoned(await self.runs.current_run(owed.order_id)):
            return None
        order = await self.runs.order_of(owed.submission)
        if order is None:
            return _still_owed(owed, "whom to tell, Temporal has forgotten, or its key is not here")
        if now - owed.closed_at > policy.NOTICE_HORIZON:
            return _still_owed(owed, f"could not be sent for {policy.NOTICE_HORIZON}")
        request = messages.NotificationRequest(
            submission=owed.submission, kind=owed.kind, customer=order.customer
        )
        try:
            await self.notification.notify(request)
        except Exception as trouble:
            return _still_owed(owed, f"{type(trouble).__name__}: {trouble}")
        return NoticeAnswer(finding=Finding.about(owed.submission, owed.kind), tally="notices_sent")

    @activity.defn
    async def ask_again(self, request: KeyPageRequest) -> KeyPage:
        """Ask about a page of keys in doubt. What is found is given back. What is not stays in doubt until
        the horizon, and then counts as never happened. A failure for one key stops no other. Idempotent."""
        attempt = this_attempt()
        keys = await self.book.keys_in_doubt(
            await self.runs.server(), after=request.after_key, limit=policy.RECONCILE_PAGE
        )
        answers = await _each(keys, lambda key: self._ask_for(key, attempt.now()))
        return KeyPage(answers=tuple(answers), next=keys[-1] if len(keys) == policy.RECONCILE_PAGE else None)

    async def _ask_for(self, key: KeyInDoubt, now: datetime) -> KeyAnswer:
        try:
            async with asyncio.timeout(policy.GATEWAY_CALL.total_seconds()):
                found = await self.reversals[key.effect](key.submission.key(key.effect))
        except Exception as trouble:
            activity.logger.warning("%s of %s cannot be asked for", key.effect, key.submission.order_id)
            return _answer(key, "doubts_unanswered", f"{type(trouble).__name__}: {trouble}")
        if found is not None:
            await self.book.end_doubt(key, EffectState.UNDONE, now)
            return _answer(key, "doubts_undone", given_back(key.effect, found))
        if key.has_receipt:
            return _answer(
                key, "doubts_unanswered", "the book has a receipt, the gateway knows nothing of it"
            )
        if now - key.undo_ended_at < policy.IN_DOUBT_HORIZON:
            return _answer(key, "doubts_left", "nothing found")
        await self.book.end_doubt(key, EffectState.NEVER_HAPPENED, now)
        return _answer(key, "doubts_ended", "never happened")


async def _each(items: Sequence[Item], look: Callable[[Item], Awaitable[Found]]) -> list[Found]:
    """Look at a few items at once; returns in their order. A heartbeat after each shows that we are alive."""
    places = asyncio.Semaphore(policy.RECONCILE_AT_ONCE)

    async def one(item: Item) -> Found:
        async with places:
            found = await look(item)
        activity.heartbeat()
        return found

    return await asyncio.gather(*map(one, items))


def _still_owed(owed: OwedNotice, why: str) -> NoticeAnswer:
    finding = Finding.about(owed.submission, f"{owed.kind}: {why}")
    return NoticeAnswer(finding=finding, tally="notices_owed")


def _answer(key: KeyInDoubt, tally: TallyName, detail: str) -> KeyAnswer:
    return KeyAnswer(key=key, tally=tally, detail=f"{key.effect}: {detail}")
