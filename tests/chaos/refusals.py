"""What a worker of another book refuses is noted, for the judgement."""

from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import ExecuteActivityInput

from order_system.domain.errors import WrongBook
from order_system.infra.temporal.around import GoOn
from order_system.infra.temporal.own_book import OwnBookOnly
from tests.chaos.diary import Diary

REFUSED = "refused"


class NotesRefusals(OwnBookOnly):
    """As in production; and the diary has what was refused."""

    def __init__(self, book: str, diary: Diary) -> None:
        super().__init__(book)
        self._diary = diary

    async def around(self, given: ExecuteActivityInput, go_on: GoOn) -> Any:
        try:
            return await super().around(given, go_on)
        except ApplicationError as refusal:
            if refusal.type == WrongBook.__name__:
                self._diary.write(REFUSED)
            raise
