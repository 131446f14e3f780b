"""What a worker of another book refuses is noted, for the judgement."""

from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from order_system.domain.errors import WrongBook
from order_system.infra.temporal.own_book import OwnBookOnly
from tests.chaos.diary import Diary

REFUSED = "refused"


class NotesRefusals(OwnBookOnly):
    """As in production; and the diary has what was refused."""

    def __init__(self, book: str, diary: Diary) -> None:
        super().__init__(book)
        self._diary = diary

    def intercept_activity(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002 - the SDK's name
    ) -> ActivityInboundInterceptor:
        return _Noting(super().intercept_activity(next), self._diary)


class _Noting(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, diary: Diary) -> None:
        super().__init__(following)
        self._diary = diary

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        try:
            return await super().execute_activity(input)
        except ApplicationError as refusal:
            if refusal.type == WrongBook.__name__:
                self._diary.write(REFUSED)
            raise
