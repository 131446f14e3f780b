"""`starter.py serve` from outside: where it answers, to whom, and how it ends."""

import json
import re
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from order_system.cli.app import run_command
from order_system.domain.errors import InvalidSettings, InvalidUsage
from tests.fixtures.processes.command_line import ROOT, Running, starter
from tests.fixtures.shops.batch_shop import row
from tests.fixtures.shops.shop import an_order
from tests.fixtures.steering.waiting import wait_until
from tests.fixtures.web.web import KEYS, OPERATOR_KEY, VIEWER_KEY, document, text_of

Env = dict[str, str]
CALL_SECONDS = 60
WAIT_SECONDS = 180


@pytest.fixture
def env(tmp_path: Path) -> Env:
    return {
        "ORDER_DATA_DIR": str(tmp_path / ".data"),
        "ORDER_FAULTS": "none",
        "ORDER_LATENCY_MIN": "0",
        "ORDER_LATENCY_MAX": "0",
        "ORDER_WEB_PORT": "0",
    }


def address_of(serving: Running) -> tuple[str, str]:
    """The line that tells where it answers, and the URL in it."""
    assert serving.process.stdout is not None
    for line in serving.process.stdout:
        if found := re.search(r"pages and API at (http://\S+:\d+)", line):
            return line, found[1]
    raise AssertionError(f"it ended without saying where it answers: {serving.finished()}")


def ask(
    url: str, path: str, *, key: str | None = None, body: object = None, csv: bytes | None = None
) -> tuple[int, dict[str, Any]]:
    request = Request(url + path, data=csv if body is None else json.dumps(body).encode())
    request.add_header("Content-Type", "application/json" if csv is None else "text/csv")
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urlopen(request, timeout=CALL_SECONDS) as answer:
            return answer.status, json.load(answer)
    except HTTPError as refused:
        return refused.code, json.load(refused)


def test_server_worker_and_api_in_one_command_for_who_has_a_key_until_ctrl_c(
    env: Env, tmp_path: Path
) -> None:
    """In a folder that is hidden, as by default: the worker reads what was uploaded all the same. It says
    none of the keys. (Without any it is run for the blocks of the documents.)"""
    serving = Running(
        "starter.py", "serve", "--embedded", "--host", "0.0.0.0", env={**env, "ORDER_WEB_KEYS": KEYS}
    )
    line, url = address_of(serving)
    url = url.replace("0.0.0.0", "127.0.0.1")
    statuses = [ask(url, "/api/orders", key=key)[0] for key in (None, "nonsense", VIEWER_KEY, OPERATOR_KEY)]
    with_key = partial(ask, url, key=OPERATOR_KEY)
    taken, _ = with_key("/api/orders", body=document(an_order("SERVED-1")))
    uploaded, _ = with_key("/api/batches?name=served", csv=text_of([row("SERVED-2"), row("SERVED-3")]))

    def is_fulfilled() -> bool:
        return with_key("/api/orders/SERVED-1")[1]["status"] == "fulfilled"

    def has_finished() -> bool:
        return with_key("/api/batches/served")[1]["status"] == "finished"

    wait_until(is_fulfilled, WAIT_SECONDS, "the order to be fulfilled")
    wait_until(has_finished, WAIT_SECONDS, "the batch to be finished")
    counts = with_key("/api/batches/served")[1]["counts"]
    ended = serving.interrupted()

    assert statuses == [401, 401, 200, 200]
    assert (taken, uploaded) == (202, 202)
    assert counts["fulfilled"] == 2
    assert "with a key of ORDER_WEB_KEYS" in line
    assert ended.code == 0
    assert [json.loads(line)["event"] for line in ended.err.splitlines()] == ["a wrong key"]
    log = (tmp_path / ".data" / "worker.log").read_text()
    assert [told for told in map(json.loads, log.splitlines()) if told["level"] == "error"] == []
    assert log
    for secret in (VIEWER_KEY, OPERATOR_KEY):
        assert secret not in line + ended.out + ended.err + log


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
async def test_without_keys_no_other_address_is_served(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str
) -> None:
    monkeypatch.setenv("ORDER_DATA_DIR", str(tmp_path))
    told = f"on loopback alone, and {host} is elsewhere: set ORDER_WEB_KEYS"

    with pytest.raises(InvalidSettings, match=told):
        await run_command(["serve", "--host", host])
    monkeypatch.setenv("ORDER_WEB_HOST", host)
    with pytest.raises(InvalidSettings, match=told):
        await run_command(["serve"])


async def test_a_port_in_use_and_an_address_that_is_none_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ORDER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ORDER_WEB_KEYS", KEYS)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(
            InvalidUsage, match=rf"127\.0\.0\.1:{port} cannot be bound: Address already in use"
        ):
            await run_command(["serve", "--port", port])
    with pytest.raises(InvalidUsage, match=r"192.0.2.1:\d+ cannot be bound: .*; see --port"):
        await run_command(["serve", "--host", "192.0.2.1"])
    with pytest.raises(InvalidUsage, match=r"no\.\.such\.\.host is no address to bind to: .*; see --host"):
        await run_command(["serve", "--host", "no..such..host"])
    with pytest.raises(InvalidUsage, match="Must be <= 65535"):
        await run_command(["serve", "--port", "70000"])


def test_without_a_server_it_says_so(env: Env) -> None:
    refused = starter("serve", env={**env, "TEMPORAL_ADDRESS": "127.0.0.1:1"})

    assert refused.code == 3
    assert "No Temporal server answers" in refused.err


WITHOUT_THE_EXTRA = """
import sys

ABSENT = {"fastapi", "starlette", "uvicorn", "jinja2", "python_multipart"}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from order_system.cli.app import main
sys.exit((main(["serve"]), main(["scenarios"])) != (2, 0))
"""


def test_without_the_extra_serve_tells_the_cure_and_other_commands_do_not_miss_it(env: Env) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_EXTRA],
        cwd=ROOT,
        env={**env, "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 0, ended
    assert ended.stderr == (
        "starter.py: `serve` is asked for, and fastapi is missing: pip install -e '.[web]'\n"
    )
