"""`starter.py submit`, as whoever waits for its end: what it says is kept, to be held against the book."""

import asyncio
import json

from order_system.cli.options import CLEAN, INVALID, UNREACHABLE
from order_system.intake.form import order_document
from tests.chaos.arena import ROOT
from tests.chaos.orders import order_of
from tests.chaos.plan import PlannedOrder
from tests.chaos.run import Run, Said
from tests.fixtures.processes.forking import standing_in


async def submit_other_content(run: Run, planned: PlannedOrder) -> None:
    """Of somebody who does not know that the ID is taken. Again if the server is away."""
    order = order_of(planned, other_content=True)
    file = run.arena.folder / f"{order.order_id}-other.json"
    file.write_text(json.dumps(order_document(order)))
    with run.busy_with(order.order_id):
        while True:
            async with run.arena.book_stays():
                starting, needed = standing_in()
                process = await asyncio.create_subprocess_exec(
                    *(*starting, str(ROOT / "starter.py"), "submit", str(file), "--json"),
                    pass_fds=needed,
                    env=run.arena.environment(),
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                )
                out, err = await process.communicate()
            code = process.returncode or CLEAN
            if code != UNREACHABLE:
                break
    if code not in (CLEAN, INVALID) and not out:
        raise RuntimeError(f"submit of {order.order_id} ended with {code}: {err.decode()}")
    run.said.append(Said(order, code, (out if code != INVALID else err).decode()))
