"""What does an order cost with its book in PostgreSQL? The same orders by two workers in turns: one with
SQLite, and one with a PostgreSQL on this machine, whose processor time is counted as well."""

import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from sqlalchemy import make_url, text
from sqlalchemy.engine import Connection

from benchmarks.contestants.contest import ours
from benchmarks.tools import pairs
from benchmarks.tools.figures import BenchmarkFailed, Result
from benchmarks.tools.machine import parent_of, processor_seconds_of_family
from benchmarks.tools.stage import open_stage, settings_for
from order_system.bootstrap import migrate_database
from order_system.infra.database import Database

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


async def measure(scale: pairs.Scale, url: str, say: Callable[[str], None]) -> Result:
    """`url`: an empty database. Raises BenchmarkFailed."""
    if make_url(url).get_backend_name() != "postgresql":
        raise BenchmarkFailed(f"--database-url {url}: name an empty PostgreSQL database")
    with tempfile.TemporaryDirectory(prefix="order-benchmark-") as folder:
        async with AsyncExitStack() as opened:
            lite = await opened.enter_async_context(open_stage(Path(folder) / SQLITE))
            await migrate_database(settings_for(Path(folder), database_url=url))
            stage = open_stage(Path(folder) / POSTGRESQL, database_url=url)
            postgres = await opened.enter_async_context(stage)
            server = await _server(postgres.system.database)
            contestants = {
                SQLITE: pairs.Contestant(ours(lite).run, lite.used),
                POSTGRESQL: pairs.Contestant(
                    ours(postgres).run, lambda: postgres.used() + processor_seconds_of_family(server)
                ),
            }
            ran = await pairs.run_in_turns(contestants, scale)
            await lite.check()
            await postgres.check()
    say(f"  {scale.turns} crowds of {scale.crowd} orders on each")
    return Result(
        "postgresql",
        f"{scale.turns} times one order alone and {scale.crowd} with {scale.in_flight} in flight, on SQLite "
        "and on PostgreSQL in turns, each with a Temporal server and a worker of its own; no faults, no "
        "latency; the audits are clean",
        pairs.compared(scale, ran, POSTGRESQL, SQLITE, "Temporal server, worker, PostgreSQL"),
        pairs.as_they_ran(ran),
    )


async def _server(database: Database) -> int:
    """PID of the process that has all of PostgreSQL's as children. Raises BenchmarkFailed."""

    def backend(tx: Connection) -> int:
        return tx.execute(text("SELECT pg_backend_pid()")).scalar_one()

    try:
        return parent_of(await database.read(backend))
    except FileNotFoundError:
        raise BenchmarkFailed("that PostgreSQL runs elsewhere: its processor time cannot be seen") from None
