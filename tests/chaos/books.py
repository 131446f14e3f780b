"""Another order book where only ours belongs: its worker on our task queue, its file in our file's place."""

import asyncio
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.engine import make_url

from order_system.bootstrap import OrderSystem, open_order_system
from order_system.infra.database.identity import note_beside
from order_system.infra.settings import Settings
from tests.chaos.arena import Arena, kill
from tests.chaos.cases import Blow
from tests.chaos.diary import Entry
from tests.chaos.refusals import REFUSED
from tests.fixtures.steering.waiting import eventually

REFUSES_WITHIN_SECONDS = 60.0
STOP_WITHIN_SECONDS = 60.0
"""A frozen worker has to be woken first."""


async def join_with_another_book(arena: Arena, entry: Entry) -> None:
    """Its worker takes work from our task queue until it has refused some. Raises TimeoutError if it never
    does."""
    folder = arena.folder / f"book-of-{entry.order_id}"
    async with _another_book(arena, folder) as other:
        serving = asyncio.create_task(_serve(arena, folder.name, other.database.url.render_as_string()))
        try:
            await eventually(lambda: _has_refused(arena, folder.name), REFUSES_WITHIN_SECONDS, "a refusal")
        finally:
            serving.cancel()
            await asyncio.wait([serving])


async def _serve(arena: Arena, name: str, url: str) -> None:
    """Started again whenever it ends, as ours are: a server that dies as it begins takes it along."""
    while True:
        worker = await arena.start_worker(
            name, ORDER_DATABASE_URL=url, ORDER_RECONCILE_EVERY="0", ORDER_LOG_LEVEL="INFO"
        )
        try:
            arena.diary.write(f"worker of another book ended with {await worker.wait()}")
        finally:
            await kill(worker)


async def _has_refused(arena: Arena, name: str) -> bool:
    diary = arena.stage.diaries / f"{name}.jsonl"
    return diary.exists() and f'"what": "{REFUSED}"' in diary.read_text()


async def put_another_in_its_place(arena: Arena, entry: Entry) -> None:
    """Until each of our workers has stopped. Raises TimeoutError if one goes on. The note beside the file
    stays, as it does when somebody restores the wrong one: so a worker that is just starting refuses it."""
    async with arena.commands_ended:  # which need workers until then
        arena.commands_may_start.clear()
        await arena.commands_ended.wait_for(lambda: arena.commands == 0)
    arena.book_is_there.clear()
    ours, kept, wrong = arena.database_file, arena.folder / "kept-book", arena.folder / "wrong-book"
    kept.mkdir()
    wrong.mkdir()
    try:
        async with _another_book(arena, arena.folder / f"book-of-{entry.order_id}") as other:
            theirs = str(other.database.url.database)
        _move(ours, kept)
        shutil.copy(theirs, ours)
        await eventually(lambda: _all_stopped(arena), STOP_WITHIN_SECONDS, "all workers to stop")
    finally:
        _move(ours, wrong)
        _move(kept / ours.name, ours.parent)
        arena.book_is_there.set()
        arena.commands_may_start.set()
    async with open_order_system(_settings(arena, wrong / ours.name)) as other:
        await _check_untouched(arena, other)


async def _all_stopped(arena: Arena) -> bool:
    return not arena.working


def _move(database: Path, folder: Path) -> None:
    """With what SQLite keeps beside it, but for the note of which book it is."""
    for part in database.parent.glob(f"{database.name}*"):
        if part != note_beside(make_url(f"sqlite:///{database}")):
            part.rename(folder / part.name)


@asynccontextmanager
async def _another_book(arena: Arena, folder: Path) -> AsyncGenerator[OrderSystem]:
    async with open_order_system(_settings(arena, folder / "orders.db")) as other:
        yield other
        await _check_untouched(arena, other)


def _settings(arena: Arena, database: Path) -> Settings:
    database.parent.mkdir(exist_ok=True)
    return Settings(
        data_dir=database.parent, database_url=f"sqlite:///{database}", task_queue=arena.system.task_queue
    )


async def _check_untouched(arena: Arena, other: OrderSystem) -> None:
    statement = await other.world.statement()
    if (await other.book.ledger()).entries or statement.charges or statement.authorisations:
        arena.troubles.append(f"work of ours was done in {other.database.url}")


OTHER_BOOKS = {
    Blow.SECOND_BOOK: join_with_another_book,
    Blow.BOOK_REPLACED: put_another_in_its_place,
}
