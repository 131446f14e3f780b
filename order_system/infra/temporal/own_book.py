"""A worker does the work of its own order book and of no other, whoever put two books on one task queue."""

from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import ExecuteActivityInput

from order_system.domain.errors import WrongBook
from order_system.infra import policy
from order_system.infra.temporal.around import AroundActivities, CarryOut


class OwnBookOnly(AroundActivities):
    """Refuses another book's work before an activity sees it. That is retried until a worker of that book
    takes it. Work that names no book was started before that was noted, and is taken."""

    def __init__(self, book: str) -> None:
        self._book = book

    async def around(self, asked: ExecuteActivityInput, carry_out: CarryOut) -> Any:
        for request in asked.args:
            theirs = getattr(getattr(request, "submission", request), "book", None)
            if theirs and theirs != self._book:
                raise ApplicationError(
                    f"this is work of book {theirs}, and this worker's is book {self._book}",
                    type=WrongBook.__name__,
                    next_retry_delay=policy.WRONG_BOOK_AGAIN,
                )
        return await carry_out(asked)
