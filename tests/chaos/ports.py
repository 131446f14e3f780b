"""Ports, wrapped: each call passes two named points, before it is made and after it has been answered."""

from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

from sqlalchemy.exc import OperationalError

from order_system.domain.errors import NotReached
from order_system.domain.ids import split_key
from order_system.domain.steps import UNDOS
from order_system.infra.database import Database
from tests.chaos.faults import FaultLayer
from tests.chaos.stage import Stage


class StruckGateway:
    """Any of the four gateways: the first argument of a call is its key."""

    _NAMES = {  # noqa: RUF012
        "buy_label": "label",
        "send": "notify",
        **dict.fromkeys(("authorise", "take_over", "find_payment"), "charge"),
    }

    def __init__(self, gateway: Any, layer: FaultLayer, away: Path) -> None:
        """Not reached while the file `away` exists."""
        self._gateway = gateway
        self._layer = layer
        self._away = away
        self._names = self._NAMES | ({"void": "void payment"} if hasattr(gateway, "capture") else {})

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._gateway, name)

        async def call(key: str, **details: Any) -> Any:
            async def send() -> Any:
                if self._away.exists():
                    raise NotReached(f"{name}: connection refused (chaos)")
                return await method(key, **details)

            return await self._layer.pass_through(split_key(key)[0], self._names.get(name, name), send)

        return call


class StruckBook:
    """The order book; its queries are left alone."""

    def __init__(self, book: Any, layer: FaultLayer) -> None:
        self._book = book
        self._layer = layer

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._book, name)
        subject = _SUBJECTS.get(name)
        if subject is None:
            return method

        async def call(ref: Any, *arguments: Any, **details: Any) -> Any:
            return await self._layer.pass_through(
                ref.order_id, subject(arguments), lambda: method(ref, *arguments, **details)
            )

        return call


class StruckFiles:
    """Where a batch's worker reads its pages; the batch is known by its file's name."""

    def __init__(self, files: Any, layer: FaultLayer) -> None:
        self._files = files
        self._layer = layer

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._files, name)
        if name != "read_page":
            return method

        async def call(file: Any, *arguments: Any) -> Any:
            return await self._layer.pass_through(
                PurePath(file.url).stem, "read page", lambda: method(file, *arguments)
            )

        return call


_SUBJECTS: dict[str, Callable[[tuple[Any, ...]], str]] = {
    "open_and_claim": lambda arguments: f"claim {arguments[0]}",
    "claim": lambda arguments: f"claim {arguments[0]}",
    "record": lambda arguments: f"record {arguments[0]}",
    "fulfil": lambda _: "fulfil",
    "fence": lambda arguments: f"fence {UNDOS[arguments[0]].effect}",
    "end_undo": lambda arguments: f"end_undo {next(iter(arguments[0]))}",
}


def refusing_database(stage: Stage) -> type[Database]:
    """A database that is down while the director says so: for the book and for the world alike."""

    def check() -> None:
        if stage.database_refuses.exists():
            raise OperationalError("connect (chaos)", None, Exception("the database refuses connections"))

    class RefusingDatabase(Database):
        async def _on_a_thread(self, threads: Any, engine: Any, work: Any) -> Any:
            check()
            return await super()._on_a_thread(threads, engine, work)

    return RefusingDatabase
