"""What `submit` and the API say of other content under an ID whose parcel has gone: the carrier's answer is
lost, again and again, and the worker killed before it could write the hand-over down."""

import asyncio
import json
import re
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from order_system.domain.ids import order_workflow_id
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.infra.database import Database
from order_system.infra.temporal.embedded import EmbeddedServer
from tests.fixtures.processes.command_line import Running
from tests.fixtures.processes.shop_commands import QUIET_WORLD, document
from tests.fixtures.processes.worker_process import worker_process
from tests.fixtures.steering.waiting import eventually

SECONDS = 180


@pytest.mark.long
async def test_other_content_is_a_conflict_also_when_that_shows_only_after_it_was_taken(
    client: Client, dev_server: EmbeddedServer, sqlite_database: Database, sqlite_url: str, tmp_path: Path
) -> None:
    environment = {
        **QUIET_WORLD,
        "TEMPORAL_ADDRESS": dev_server.address,
        "ORDER_DATABASE_URL": sqlite_url,
        "ORDER_DATA_DIR": str(tmp_path),
        "ORDER_TASK_QUEUE": f"queue-of-{tmp_path.name}",
    }
    log, order_id = tmp_path / "worker.log", f"GONE-{tmp_path.name[-20:]}"
    serving = Running("starter.py", "serve", "--port", "0", env=environment)
    address = await asyncio.to_thread(_address, serving)
    async with httpx.AsyncClient(base_url=address, timeout=SECONDS) as api:
        async with worker_process(log, **environment) as worker:
            taken = await api.post("/api/orders", json=document(order_id, "dispatch-answer-always-lost"))
            assert taken.status_code == 202
            world = SimulatedWorld(sqlite_database)

            async def handed_over() -> bool:
                return any(parcel.state == "dispatched" for parcel in (await world.statement()).shipments)

            await eventually(handed_over, SECONDS, "the parcel to be gone")
            worker.kill()
            await worker.wait()
        await client.get_workflow_handle(order_workflow_id(order_id)).terminate("by the operator")

        other = document(order_id, "mail-bounces")
        posted = await api.post("/api/orders", json=other)
        assert (posted.status_code, posted.json()["started"]) == (202, True)
        file = tmp_path / "other.json"
        file.write_text(json.dumps(other))
        submitting = Running("starter.py", "submit", str(file), env=environment)
        await asyncio.to_thread(submitting.says, f"{order_id} is already running")
        async with worker_process(log, **environment):
            submitted = await asyncio.to_thread(submitting.finished)
            read = await api.get(posted.json()["location"])
            first = (await api.get(taken.json()["location"])).json()
            refused = await api.post("/api/orders", json=other)
    assert (await asyncio.to_thread(serving.interrupted)).code == 0

    which = f"submission {first['submission']}"
    assert submitted.code == 2
    assert "has been fulfilled with other content" in submitted.err
    assert which in submitted.err
    assert re.search(rf"{order_id}\W+failed", submitted.out)
    assert first["status"] == "fulfilled"
    for answer in (read, refused):
        assert answer.status_code == 409
        assert which in answer.json()["detail"]


def _address(serving: Running) -> str:
    assert serving.process.stdout is not None
    line = next(line for line in serving.process.stdout if "pages and API at " in line)
    return line.split("pages and API at ")[1].split(",")[0]
