"""Notes in the book each failed attempt at an effect or an undo, with its cause, and the attempt that
succeeds in the end. It wraps the activities, so that none has to do this itself."""

import asyncio
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ExecuteActivityInput

from activities.attempts import GAVE_UP, attempt_number, started_at, tried_before
from order_system.book.order_book import SqlOrderBook
from order_system.domain import policy
from order_system.domain.order import SubmissionRef
from order_system.domain.progress import AttemptMade
from order_system.domain.reconciliation import OrderRuns
from order_system.infra.redaction import clean_text, keep_private
from order_system.infra.temporal.around import AroundActivities, CarryOut


class NotesAttempts(AroundActivities):
    """Does not change how an activity ends, and delays the end by twice policy.ATTEMPT_NOTED at most."""

    def __init__(self, book: SqlOrderBook, runs: OrderRuns) -> None:
        self._book = book
        self._runs = runs

    async def around(self, work: ExecuteActivityInput, carry_out: CarryOut) -> Any:
        request, began = (work.args or [None])[0], time.monotonic()
        try:
            answer = await carry_out(work)
        except Exception as failure:
            await self._note(request, began, failure)
            raise
        if attempt_number() > 1 or tried_before.get():
            await self._note(request, began, None)
        return answer

    async def _note(self, request: Any, began: float, failure: Exception | None) -> None:
        info, ref = activity.info(), getattr(request, "submission", None)
        if not isinstance(ref, SubmissionRef):
            return
        # An error of the note is ignored. So is a cancel that comes now: the attempt has already ended.
        with suppress(Exception, asyncio.CancelledError):
            number, began_at = attempt_number(), started_at(request)
            ended_at = began_at + timedelta(seconds=time.monotonic() - began)
            if failure is not None:
                # A provider may name the customer although this call did not: a carrier does if a void fails.
                keep_private(request)
                with suppress(Exception):
                    async with asyncio.timeout(policy.ATTEMPT_NOTED.total_seconds()):
                        keep_private(await self._runs.order_of(ref) or request)
            made = AttemptMade(
                activity=info.activity_type,
                number=number,
                last_number=number,
                due_at=began_at if info.is_local else info.current_attempt_scheduled_time,
                began_at=began_at,
                ended_at=ended_at,
                said=clean_text(_in_words(failure), in_any_case=True) if failure else None,
            )
            async with asyncio.timeout(policy.ATTEMPT_NOTED.total_seconds()):
                await self._book.note_attempt(ref, made)


def _in_words(failure: BaseException) -> str:
    if isinstance(failure, ApplicationError) and failure.__cause__:
        return _in_words(failure.__cause__) + (f"; {failure.message}" if failure.type == GAVE_UP else "")
    return str(failure) if isinstance(failure, ApplicationError) else f"{type(failure).__name__}: {failure}"
