"""What a worker of another book refuses is noted, for the judgement."""

from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import ExecuteActivityInput

from order_system.domain.errors import WrongBook
from order_system.infra.temporal.around import CarryOut, OwnBookOnly
from tests.chaos.diary import Diary

REFUSED = "refused"


class NotesRefusals(OwnBookOnly):
    """As in production; and the diary has what was refused."""

    def __init__(self, book: str, diary: Diary) -> None:
        super().__init__(book)
        self._diary = diary

    async def around(self, work: ExecuteActivityInput, carry_out: CarryOut) -> Any:
        try:
            return await super().around(work, carry_out)
        except ApplicationError as refusal:
            if refusal.type == WrongBook.__name__:
                self._diary.write(REFUSED)
            raise
