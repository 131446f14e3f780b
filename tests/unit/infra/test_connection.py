"""What people see when there is no server, or when Temporal's own configuration is broken."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.common.v1 import GrpcStatus
from temporalio.api.errordetails.v1 import ResourceExhaustedFailure, WorkflowNotReadyFailure
from temporalio.service import GrpcCompression, RPCError, RPCStatusCode

from order_system.domain.errors import InvalidSettings, OrderSystemError, ServerAway, ServerUnreachable
from order_system.infra import policy
from order_system.infra.temporal.connection import (
    answering_soon,
    check_answers,
    compression_to,
    connect,
    has_gone,
    if_it_answers_soon,
    reaching_server,
)


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file from which Temporal takes them."""
    file = tmp_path / "temporal.toml"
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(file))
    return file


async def test_a_server_that_is_down_is_told_with_its_address_and_the_cure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")

    with pytest.raises(ServerUnreachable) as told:
        await connect()

    assert "127.0.0.1:1 (connection refused)" in str(told.value)
    assert "temporal server start-dev" in str(told.value)
    assert "\n" not in str(told.value)


async def test_a_server_that_accepts_but_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "CONNECT", timedelta(milliseconds=200))
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]

    with pytest.raises(ServerUnreachable, match=r"within 0\.2 seconds"):
        await connect(f"127.0.0.1:{port}")

    silent.close()


async def test_an_address_that_is_none_is_a_bad_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:99999")

    with pytest.raises(InvalidSettings, match=r"TEMPORAL_ADDRESS.*Write host:port"):
        await connect()


@pytest.mark.parametrize(
    "content",
    [
        "[profile.default\n",
        "[profile.default]\naddress = 1\n",
        "[profile.default.tls]\nclient_cert_path = '/no/such/file'\nclient_key_path = '/no/such/file'\n",
    ],
)
async def test_a_broken_profile_is_told_in_one_line(profiles: Path, content: str) -> None:
    profiles.write_text(content)

    with pytest.raises(InvalidSettings) as told:
        await connect()

    assert "temporal.toml" in str(told.value)
    assert "\n" not in str(told.value)


async def test_the_profile_of_temporal_toml_is_used(profiles: Path) -> None:
    profiles.write_text("[profile.default]\naddress = '127.0.0.1:2'\n")

    with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:2"):
        await connect()


@pytest.mark.parametrize(
    ("message", "status", "gone"),
    [
        ("operation was canceled", RPCStatusCode.CANCELLED, True),
        ("transport error", RPCStatusCode.UNKNOWN, True),
        ("transport: Error while dialing: dial tcp 10.0.0.2:7234: refused", RPCStatusCode.UNKNOWN, True),
        ("tcp connect error", RPCStatusCode.UNAVAILABLE, True),
        ("Timeout expired", RPCStatusCode.DEADLINE_EXCEEDED, True),
        ("something the server does not know either", RPCStatusCode.UNKNOWN, False),
        ("no such workflow", RPCStatusCode.NOT_FOUND, False),
        ("not for you", RPCStatusCode.PERMISSION_DENIED, False),
    ],
)
def test_a_server_that_has_gone_is_told_apart_from_its_no(
    message: str, status: RPCStatusCode, gone: bool
) -> None:
    assert has_gone(RPCError(message, status, b"")) is gone


async def test_a_server_that_refuses_for_now_is_asked_again_and_a_call_that_is_too_large_is_not() -> None:
    """Found by chaos: `submit` ended with the server's "query buffer is full", and with "Workflow Task in
    failed state". Both were about the server's own workflow, which a schedule is."""
    status = RPCStatusCode.RESOURCE_EXHAUSTED
    for failure in (ResourceExhaustedFailure(), WorkflowNotReadyFailure()):
        told = GrpcStatus()
        told.details.add().Pack(failure)
        with pytest.raises(ServerUnreachable, match="the Temporal server refuses for now: not now"):
            async with reaching_server():
                raise RPCError("not now", status, told.SerializeToString())
    with pytest.raises(OrderSystemError, match="the Temporal server refuses: larger than max") as told:
        async with reaching_server():
            raise RPCError("larger than max", status, b"")
    assert not isinstance(told.value, ServerUnreachable)


async def test_a_page_asks_once_whether_a_server_answers_and_waits_for_none_that_does_not() -> None:
    away, for_ever = await connect("127.0.0.1:1", lazy=True), asyncio.Event()
    async with asyncio.timeout(policy.WAITING_ASKED.total_seconds() / 2):
        for _ in range(3):
            async with if_it_answers_soon(away):
                await for_ever.wait()
        with pytest.raises(ServerAway):
            async with answering_soon(away):
                await for_ever.wait()
        with pytest.raises(ServerAway):
            await check_answers(away)


@pytest.mark.parametrize(
    ("target", "packed"),
    [
        ("localhost:7233", False),
        ("127.0.0.1:34905", False),
        ("[::1]:7233", False),
        ("10.0.0.2:7233", True),
        ("localhost.example.com:7233", True),
        ("ours.tmprl.cloud:7233", True),
    ],
)
def test_only_what_leaves_this_machine_is_packed(target: str, packed: bool) -> None:
    assert compression_to(target) == (GrpcCompression.GZIP if packed else GrpcCompression.NONE)
