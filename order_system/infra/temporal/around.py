"""Code that a worker runs around each activity. `OwnBookOnly` refuses the work of another order book, in case
two books share a task queue."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from order_system.domain.errors import WrongBook
from order_system.infra import policy

CarryOut = Callable[[ExecuteActivityInput], Awaitable[Any]]


class AroundActivities(Interceptor):
    @abstractmethod
    async def around(self, work: ExecuteActivityInput, carry_out: CarryOut) -> Any:
        """Run in the place of the activity, which ends with what this returns or raises."""

    def intercept_activity(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002 - the SDK's name
    ) -> ActivityInboundInterceptor:
        return _Around(super().intercept_activity(next), self)


class _Around(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, outer: AroundActivities) -> None:
        super().__init__(inner)
        self._outer = outer

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        return await self._outer.around(input, super().execute_activity)


class OwnBookOnly(AroundActivities):
    """Refuses another book's work before an activity sees it. The server retries that work until a worker of
    its book takes it. Work that names no book is older than this check, and is taken."""

    def __init__(self, book: str) -> None:
        self._book = book

    async def around(self, work: ExecuteActivityInput, carry_out: CarryOut) -> Any:
        for request in work.args:
            theirs = getattr(getattr(request, "submission", request), "book", None)
            if theirs and theirs != self._book:
                raise ApplicationError(
                    f"this is work of book {theirs}, and this worker's is book {self._book}",
                    type=WrongBook.__name__,
                    next_retry_delay=policy.WRONG_BOOK_AGAIN,
                )
        return await carry_out(work)
