"""SQLite in memory, on the caller's own thread: quick, and the same run comes out the same.

The real system hands each transaction to a thread. Here it is carried out there and then, which blocks the
event loop, and nobody else is on it.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import Connection, Engine

from order_system.infra.database import Database
from order_system.infra.database.engines import begin


class InlineDatabase(Database):
    def __init__(self) -> None:
        super().__init__("sqlite:///:memory:")

    async def _on_a_thread(self, threads: Any, engine: Engine, work: Callable[[Connection], Any]) -> Any:
        with engine.begin() as tx:
            begin(tx)
            return work(tx)
