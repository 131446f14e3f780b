"""What other servers than the one we speak to have left to settle in the book, and taking it over."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from order_system.domain.errors import InvalidUsage
from order_system.domain.reconciliation import OrderRuns, ReconciliationBook
from order_system.domain.servers import Stranded
from order_system.infra.temporal.connection import reaching_server


class OtherServers:
    """Raises ServerUnreachable if our own server cannot be reached."""

    def __init__(self, book: ReconciliationBook, runs: OrderRuns) -> None:
        self._book = book
        self._runs = runs

    async def stranded(self, *, older_than: timedelta = timedelta(0)) -> Sequence[Stranded]:
        """Younger submissions are left out: the other server may well be at work on them."""
        async with reaching_server():
            here = await self._runs.server()
        return await self._book.stranded(here, opened_before=datetime.now(UTC) - older_than)

    async def adopt(self, server: str, *, who: str, note: str) -> int:
        """On a person's word that the server is gone for good. From then on the reconciler of ours settles
        what it has left open; returns how many submissions that are.

        Raises InvalidUsage for our own server, and for one that the book does not know."""
        async with reaching_server():
            here = await self._runs.server()
        if server in here.names:
            raise InvalidUsage(
                f"{server} is the server that this command speaks to: nothing is to be adopted"
            )
        adopted = await self._book.adopt(server, here, who=who, note=note, at=datetime.now(UTC))
        if adopted is None:
            known = ", ".join(each.server for each in await self.stranded()) or "none"
            raise InvalidUsage(f"the book knows of no server {server[:80]}; others with open orders: {known}")
        return adopted
