"""A worker does the work of its own order book and of no other, whoever put two books on one task queue."""

from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from order_system.domain.errors import WrongBook
from order_system.infra import policy


class OwnBookOnly(Interceptor):
    """Refuses another book's work before an activity sees it. That is retried until a worker of that book
    takes it. Work that names no book was started before that was noted, and is taken."""

    def __init__(self, book: str) -> None:
        self._book = book

    def intercept_activity(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002 - the SDK's name
    ) -> ActivityInboundInterceptor:
        return _Refusing(super().intercept_activity(next), self._book)


class _Refusing(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, book: str) -> None:
        super().__init__(following)
        self._book = book

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        for request in input.args:
            theirs = getattr(getattr(request, "submission", request), "book", None)
            if theirs and theirs != self._book:
                raise ApplicationError(
                    f"this is work of book {theirs}, and this worker's is book {self._book}",
                    type=WrongBook.__name__,
                    next_retry_delay=policy.WRONG_BOOK_AGAIN,
                )
        return await super().execute_activity(input)
