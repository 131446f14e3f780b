"""Finding submissions that no workflow is at work on, and asking again for keys that are in doubt."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from temporalio import activity

from activities.answers import AnswerActivities
from activities.attempts import Reverse, given_back, this_attempt
from activities.notification import NotificationActivities
from activities.shipping import ShippingActivities
from order_system.domain import policy
from order_system.domain.book import EffectState
from order_system.domain.messages import (
    HandledUndo,
    HandledUndoAnswer,
    NotificationRequest,
    UndoAnswer,
    UndoRequest,
)
from order_system.domain.order import SubmissionRef
from order_system.domain.reconciliation import (
    CurrentRun,
    Finding,
    KeyAnswer,
    KeyInDoubt,
    KeyPage,
    KeyPageRequest,
    NoticeAnswer,
    NoticePage,
    NoticePageRequest,
    OrderRuns,
    OwedNotice,
    ReconciliationBook,
    SubmissionPage,
    SubmissionPageRequest,
    TallyName,
    is_abandoned,
)
from order_system.domain.steps import Effect


class ReconciliationActivities:
    def __init__(
        self,
        book: ReconciliationBook,
        runs: OrderRuns,
        *,
        shipping: ShippingActivities,
        answers: AnswerActivities,
        notification: NotificationActivities,
        reversals: Mapping[Effect, Reverse],
    ) -> None:
        self._book = book
        self._runs = runs
        self._shipping = shipping
        self._answers = answers
        self._notification = notification
        self._reversals = reversals

    @activity.defn
    async def look_over(self, request: SubmissionPageRequest) -> SubmissionPage:
        """One page of open submissions, and which of them no workflow is at work on. Changes nothing.

        A look-up that fails fails the page: it never reads as "nothing is open".
        """
        attempt = this_attempt()
        found = await self._book.open_submissions(
            await self._runs.server(),
            opened_before=attempt.started_at - timedelta(seconds=request.min_age_seconds),
            after_order=request.after_order,
            limit=policy.RECONCILE_PAGE,
        )
        places = asyncio.Semaphore(policy.RECONCILE_AT_ONCE)

        async def current(ref: SubmissionRef) -> CurrentRun | None:
            async with places:
                return await self._runs.current_run(ref.order_id)

        runs = await asyncio.gather(*map(current, found))
        left_alone = (ref for ref, run in zip(found, runs, strict=True) if not is_abandoned(ref, run))
        return SubmissionPage(
            looked_at=len(found),
            left_alone=tuple(_finding(ref, "its workflow is open") for ref in left_alone),
            abandoned=tuple(ref for ref, run in zip(found, runs, strict=True) if is_abandoned(ref, run)),
            next=found[-1].order_id if len(found) == policy.RECONCILE_PAGE else None,
        )

    @activity.defn
    async def void_abandoned(self, request: UndoRequest) -> UndoAnswer | None:
        """The undo of shipping, as in every order; None, and nothing done, if by now a workflow is at
        work on this submission (a reset has opened it again). Idempotent.

        Asked here, right before the fence, and not by an activity of its own: between two of those may lie
        as long as no worker runs. What is left of the gap is told in docs/adr/0008.
        """
        if not is_abandoned(request.submission, await self._runs.current_run(request.submission.order_id)):
            return None
        return await self._shipping.void_shipment(request)

    @activity.defn
    async def handle_abandoned(self, request: HandledUndo) -> HandledUndoAnswer | None:
        """What a person has handled of a submission that no workflow is at work on; None as in
        `void_abandoned`. Idempotent. Raises as `end_undo_by_hand` does."""
        if not is_abandoned(request.submission, await self._runs.current_run(request.submission.order_id)):
            return None
        return await self._answers.end_undo_by_hand(request)

    @activity.defn
    async def send_owed(self, request: NoticePageRequest) -> NoticePage:
        """One page of notices that are owed since no workflow is there any more to send them: each is sent
        under the key that the order itself would have used, to whom the server knows. Idempotent."""
        attempt = this_attempt()
        owed = await self._book.owed_notices(
            await self._runs.server(),
            closed_before=attempt.started_at - timedelta(seconds=request.min_age_seconds),
            after_order=request.after_order,
            limit=policy.RECONCILE_PAGE,
        )
        places = asyncio.Semaphore(policy.RECONCILE_AT_ONCE)

        async def answer(notice: OwedNotice) -> NoticeAnswer | None:
            async with places:
                run = await self._runs.current_run(notice.submission.order_id)
                sent = (
                    await self._send(notice, attempt.now()) if is_abandoned(notice.submission, run) else None
                )
            activity.heartbeat()
            return sent

        answers = await asyncio.gather(*map(answer, owed))
        return NoticePage(
            answers=tuple(filter(None, answers)),
            next=owed[-1].submission.order_id if len(owed) == policy.RECONCILE_PAGE else None,
        )

    async def _send(self, owed: OwedNotice, now: datetime) -> NoticeAnswer:
        order = await self._runs.order_of(owed.submission)
        if order is None:
            detail = f"{owed.kind}: Temporal has forgotten whom to tell"
            return NoticeAnswer(finding=_finding(owed.submission, detail), tally="notices_owed")
        if now - owed.closed_at > policy.NOTICE_HORIZON:
            detail = f"{owed.kind}: could not be sent for {policy.NOTICE_HORIZON}"
            return NoticeAnswer(finding=_finding(owed.submission, detail), tally="notices_owed")
        request = NotificationRequest(submission=owed.submission, kind=owed.kind, customer=order.customer)
        try:
            await self._notification.notify(request)
        except Exception as trouble:
            detail = f"{owed.kind}: {type(trouble).__name__}: {trouble}"
            return NoticeAnswer(finding=_finding(owed.submission, detail), tally="notices_owed")
        return NoticeAnswer(finding=_finding(owed.submission, owed.kind), tally="notices_sent")

    @activity.defn
    async def ask_again(self, request: KeyPageRequest) -> KeyPage:
        """One page of keys in doubt: what is found is given back; what is not, is in doubt until the
        horizon, and after it never happened. A gateway that fails for one key stops no other. Idempotent."""
        attempt = this_attempt()
        keys = await self._book.keys_in_doubt(
            await self._runs.server(), after=request.after_key, limit=policy.RECONCILE_PAGE
        )
        places = asyncio.Semaphore(policy.RECONCILE_AT_ONCE)

        async def answer(key: KeyInDoubt) -> KeyAnswer:
            async with places:
                answered = await self._ask_for(key, attempt.now())
            activity.heartbeat()
            return answered

        return KeyPage(
            answers=tuple(await asyncio.gather(*map(answer, keys))),
            next=keys[-1] if len(keys) == policy.RECONCILE_PAGE else None,
        )

    async def _ask_for(self, key: KeyInDoubt, now: datetime) -> KeyAnswer:
        try:
            async with asyncio.timeout(policy.GATEWAY_CALL.total_seconds()):
                found = await self._reversals[key.effect](key.submission.key(key.effect))
        except Exception as trouble:
            activity.logger.warning("%s of %s cannot be asked for", key.effect, key.submission.order_id)
            return _answer(key, "doubts_unanswered", f"{type(trouble).__name__}: {trouble}")
        if found is not None:
            await self._book.end_doubt(key, EffectState.UNDONE, now)
            return _answer(key, "doubts_undone", given_back(key.effect, found))
        if key.has_receipt:
            return _answer(
                key, "doubts_unanswered", "the book has a receipt, the gateway knows nothing of it"
            )
        if now - key.undo_ended_at < policy.IN_DOUBT_HORIZON:
            return _answer(key, "doubts_left", "nothing found")
        await self._book.end_doubt(key, EffectState.NEVER_HAPPENED, now)
        return _answer(key, "doubts_ended", "never happened")


def _finding(ref: SubmissionRef, detail: str) -> Finding:
    return Finding(order_id=ref.order_id, submission=ref.submission, detail=detail)


def _answer(key: KeyInDoubt, tally: TallyName, detail: str) -> KeyAnswer:
    return KeyAnswer(key=key, tally=tally, detail=f"{key.effect}: {detail}")
