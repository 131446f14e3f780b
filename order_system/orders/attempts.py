"""Every attempt at an effect or an undo that fails is noted in the book, with what it failed of; and the one
that succeeds in the end. In one place, around the activities, whatever has failed them."""

import asyncio
import re
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.attempts import GAVE_UP
from order_system.domain import policy
from order_system.domain.attempts import AttemptMade, KeepsAttempts
from order_system.domain.order import SubmissionRef
from order_system.infra.redaction import REDACTED, clean_text


class NotesAttempts(Interceptor):
    """Changes nothing of how an activity ends, whatever the book answers, and delays it by
    policy.ATTEMPT_NOTED at most."""

    def __init__(self, book: KeepsAttempts) -> None:
        self._book = book

    def intercept_activity(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002 - the SDK's name
    ) -> ActivityInboundInterceptor:
        return _Noting(super().intercept_activity(next), self._book)


class _Noting(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, book: KeepsAttempts) -> None:
        super().__init__(following)
        self._book = book

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        request, began = (input.args or [None])[0], time.monotonic()
        try:
            answer = await super().execute_activity(input)
        except Exception as failure:
            await self._note(request, began, failure)
            raise
        if activity.info().attempt > 1:
            await self._note(request, began, None)
        return answer

    async def _note(self, request: Any, began: float, failure: Exception | None) -> None:
        info, ref = activity.info(), getattr(request, "submission", None)
        if not isinstance(ref, SubmissionRef):
            return
        # Whatever goes wrong with that; and a cancel that comes just now comes too late: it has ended.
        with suppress(Exception, asyncio.CancelledError):
            made = AttemptMade(
                activity=info.activity_type,
                number=info.attempt,
                last_number=info.attempt,
                due_at=info.current_attempt_scheduled_time,
                began_at=info.started_time,
                ended_at=info.started_time + timedelta(seconds=time.monotonic() - began),
                said=_impersonal(_in_words(failure), request) if failure else None,
            )
            async with asyncio.timeout(policy.ATTEMPT_NOTED.total_seconds()):
                await self._book.note_attempt(ref, made)


def _in_words(failure: BaseException) -> str:
    if isinstance(failure, ApplicationError) and failure.__cause__:
        return _in_words(failure.__cause__) + (f"; {failure.message}" if failure.type == GAVE_UP else "")
    return str(failure) if isinstance(failure, ApplicationError) else f"{type(failure).__name__}: {failure}"


def _impersonal(words: str, request: Any) -> str:
    """Without what the request itself says of the customer, and without what looks personal."""
    told: list[Any] = [getattr(request, name, "") for name in ("customer", "address", "payment_method")]
    texts: list[str] = [
        text for each in told for text in ([each] if isinstance(each, str) else dict(each).values())
    ]
    for text in sorted(texts, key=len, reverse=True):
        if len(text) > len("DE"):  # the code of a country or a region is in too many words
            words = re.sub(re.escape(text), REDACTED, words, flags=re.IGNORECASE)
    return clean_text(words)
