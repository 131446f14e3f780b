"""Applies one action to many orders, or to single concerns of theirs, and reports the result of each."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from enum import StrEnum

from order_system.attention.client import AttentionClient
from order_system.attention.concerns import Concern, ConcernKind
from order_system.domain.answers import Came, GiveUp, ParcelFate, Remedy, Resolution, StepRetry, Summary
from order_system.domain.errors import AnswerRefused, OrderSystemError
from order_system.domain.steps import PIVOT
from order_system.infra import changes, policy
from order_system.infra.temporal.executions import side_by_side
from order_system.intake.reader import examine_value
from order_system.orders.client import CancelAnswer, OrderClient, Submitted


class Action(StrEnum):
    RETRY = "retry"
    """Try again now what is held, stuck or undelivered. An undone order is submitted again unchanged."""
    RESOLVE = "resolve"
    """Record that what is stuck was done by hand, as the note says."""
    GIVE_UP = "give-up"
    CANCEL = "cancel"
    TAKE = "take"


_STUCK = (ConcernKind.STUCK_UNDO, ConcernKind.STUCK_REFUND)
BY_HAND = (*_STUCK, ConcernKind.ABANDONED, ConcernKind.NOTICE_OWED)
_AFTER_THE_END = (ConcernKind.NOTICE_OWED, ConcernKind.UNDELIVERED)


@dataclass(frozen=True)
class Chosen:
    orders: OrderClient
    attention: AttentionClient
    who: str
    note: str = ""
    parcel: ParcelFate | None = None

    async def all_told(self, chosen: Sequence[str], action: Action) -> Summary:
        """Apply the action to each choice: `ORDER-001` means all concerns of the order, `ORDER-001:payment`
        that one. What is not done within policy.CHOSEN counts as refused. Raises ServerUnreachable."""
        waiting: defaultdict[str, list[Concern]] = defaultdict(list)
        for concern in await self.attention.about({each.partition(":")[0] for each in chosen}):
            waiting[concern.order_id or ""].append(concern)
            waiting[concern.choice].append(concern)
        until = asyncio.get_running_loop().time() + policy.CHOSEN.total_seconds()

        async def one(each: str) -> Came:
            concerns, accepted = {concern.choice: concern for concern in waiting[each]}.values(), False
            try:
                async with asyncio.timeout_at(until):
                    detail = await self._done(each, list(concerns), action)
                accepted = True
            except OrderSystemError as refused:
                detail = str(refused)
            except TimeoutError:
                detail = "nobody has answered in time: look at it before you choose it again"
            return Came(chosen=each, accepted=accepted, detail=detail)

        rows = await side_by_side(one, dict.fromkeys(chosen))
        accepted = sum(row.accepted for row in rows)
        return Summary(accepted=accepted, refused=len(rows) - accepted, rows=tuple(rows))

    async def _done(self, chosen: str, concerns: Sequence[Concern], action: Action) -> str:
        """Apply the action to one choice, and say what came of it. Raises an OrderSystemError if refused."""
        order_id, _, of_it = chosen.partition(":")
        events = [each.event_id for each in concerns if each.event_id]
        if action is Action.CANCEL and of_it not in events:
            answer, _ = await self.orders.cancel(order_id)
            if answer in (CancelAnswer.TOO_LATE, CancelAnswer.ALREADY_CLOSED, CancelAnswer.FIRST_FAILED):
                raise AnswerRefused(answer)
            return answer
        if action is Action.TAKE:
            for each in concerns:
                await self.attention.take(each, self.who)
            told = [f"{self.who} is on it: {each.words}" for each in concerns]
        else:
            answers = [answer for each in concerns if (answer := self._answer(each, action))]
            told = [(await self.attention.answer(order_id, answer)).detail for answer in answers]
        if action is Action.RETRY:
            for event_id in events:
                await self.attention.answer_event(event_id, again=True)
                told.append("the event is sent again")
            # A person who chose one undo, notice or event does not want the order charged again, even if
            # the chosen concern was settled meanwhile.
            if not of_it and all(each.kind in _AFTER_THE_END for each in concerns):
                with suppress(AnswerRefused) if told else nullcontext():
                    told.append(await self._run_again(order_id))
        if not told:
            refused = AnswerRefused(f"{chosen} waits for nothing of that kind")
            changes.note(action, chosen, f"refused: {refused}")  # nobody was asked who would have noted it
            raise refused
        return "; ".join(told)

    def _answer(self, concern: Concern, action: Action) -> Resolution | StepRetry | GiveUp | None:
        said, held = {"who": self.who, "note": self.note}, concern.kind is ConcernKind.HELD
        if held and action is Action.RETRY:
            return StepRetry(**said)
        if held and action is Action.GIVE_UP:
            return GiveUp(**said)
        by_hand = action is Action.RESOLVE
        answerable = BY_HAND if by_hand else _STUCK if action is Action.RETRY else ()
        if concern.step is None or concern.kind not in answerable:
            return None
        return Resolution(
            **said,
            step=concern.step,
            refund=concern.refund,
            remedy=Remedy.HANDLED if by_hand else Remedy.RETRY,
            parcel=self.parcel if by_hand and concern.step is PIVOT else None,
        )

    async def _run_again(self, order_id: str) -> str:
        try:
            details = await self.orders.in_full(await self.orders.status(order_id))
            order, mistakes = examine_value(details.document)
            if order is None:
                raise AnswerRefused(f"{order_id} is not tried again: {mistakes[0]}")
        except OrderSystemError as refused:
            changes.note("submit", order_id, f"refused: {refused}")
            raise
        how = (await self.orders.submit(order)).how
        if how is not Submitted.STARTED:
            raise AnswerRefused(f"{order_id} is not tried again: {how}")
        return "it is submitted again"
