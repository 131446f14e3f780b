"""Connects to a Temporal server, and turns its errors into ours. TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TLS,
API keys and the profiles of `temporal.toml` mean here what they mean to Temporal's own tools."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import TypeVar
from weakref import WeakKeyDictionary

from temporalio.api.errordetails.v1 import (
    NamespaceNotFoundFailure,
    ResourceExhaustedFailure,
    WorkflowNotReadyFailure,
)
from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import GrpcCompression, RPCError, RPCStatusCode

from order_system.domain.errors import InvalidSettings, OrderSystemError, ServerAway, ServerUnreachable
from order_system.infra import policy
from order_system.infra.process import WORKER
from order_system.infra.telemetry.process import TELEMETRY
from order_system.infra.temporal.conversion import converter

Found = TypeVar("Found")
DEFAULT_ADDRESS = "localhost:7233"
_NOBODY_THERE = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,  # the connection was closed: we cancel no call
)
_FOR_NOW = (ResourceExhaustedFailure, WorkflowNotReadyFailure)
_NEVER_CONNECTED = "Failed client connect"
"""How the SDK's error begins when a `lazy` client cannot connect with its first call."""
CURE = (
    "Start it again; if there was none, `temporal server start-dev` or --embedded brings one. "
    "TEMPORAL_ADDRESS names another."
)


def no_answer(temporal: Client) -> str:
    """Return the sentences for a person whose server does not answer: its address, and the cure."""
    return f"No Temporal server answers at {temporal.service_client.config.target_host}. {CURE}"


async def connect(address: str | None = None, namespace: str = "default", *, lazy: bool = False) -> Client:
    """Return a client for the server that the environment names, or for `address`: that is a server of our
    own on this machine, which needs neither TLS nor a key. A `lazy` client connects with its first call.

    Raises InvalidSettings, and ServerUnreachable within policy.CONNECT."""
    if address is not None:
        profile = ClientConnectConfig(target_host=address, namespace=namespace)
    else:
        profile = _profile_from_environment()
    target, runtime = profile.setdefault("target_host", DEFAULT_ADDRESS), sdk_runtime()
    try:
        async with asyncio.timeout(policy.CONNECT.total_seconds()):
            return await Client.connect(
                **profile,
                data_converter=converter(),
                runtime=runtime,
                plugins=TELEMETRY.plugins,
                lazy=lazy,
                grpc_compression=compression_to(target),
            )
    except ValueError as invalid:
        raise InvalidSettings(
            f"The server's address {target!r} (TEMPORAL_ADDRESS, temporal.toml): {invalid}. Write host:port."
        ) from None
    except TimeoutError:
        waited = f"{policy.CONNECT.total_seconds():g} seconds"
        raise ServerUnreachable(f"No Temporal server answers at {target} within {waited}. {CURE}") from None
    except RuntimeError as failure:
        # The SDK has no narrower type for this; the message is all there is to tell the causes apart.
        raise ServerUnreachable(
            f"No Temporal server answers at {target} ({_brief(str(failure))}). {CURE}"
        ) from failure


def compression_to(target: str) -> GrpcCompression:
    """Compress nothing within one machine, where it costs more than it saves."""
    here = target.rpartition(":")[0] in ("localhost", "127.0.0.1", "[::1]")
    return GrpcCompression.NONE if here else GrpcCompression.GZIP


@cache
def sdk_runtime() -> Runtime:
    """Return the process's one SDK runtime. Its workers send heartbeats often enough for `workers.Workers`.
    Its Rust half logs to our log; by default it would print to stdout, into the middle of our JSON.

    Raises InvalidSettings if the metrics cannot be shown or sent where the settings say."""
    said = LoggingConfig(
        TelemetryFilter(core_level="WARN", other_level="ERROR"),
        forwarding=LogForwardingConfig(logging.getLogger("temporalio.core")),
    )
    telemetry = TelemetryConfig(
        logging=said, metrics=TELEMETRY.metrics, global_tags=TELEMETRY.tags, attach_service_name=False
    )
    try:
        return Runtime(telemetry=telemetry, worker_heartbeat_interval=policy.HEARTBEAT)
    except ValueError as refused:
        where = getattr(TELEMETRY.metrics, "bind_address", None)
        if where is None:
            raise InvalidSettings(f"OTEL_EXPORTER_OTLP_..., metrics cannot be sent: {refused}") from refused
        raise InvalidSettings(
            f"metrics cannot be shown at {where}: {refused}. Each program on a machine needs an "
            "ORDER_METRICS_PORT of its own; with --processes N, the N - 1 ports after it are taken, too."
        ) from refused


def has_gone(error: RPCError) -> bool:
    """Whether a call failed because no server answers, and not because the server refused it."""
    if error.status is RPCStatusCode.UNKNOWN:
        # The SDK reports a broken connection so, and the server's frontend a node that has gone.
        return "transport error" in error.message or "Error while dialing" in error.message
    return error.status in _NOBODY_THERE


def is_about_the_namespace(error: RPCError) -> bool:
    """Whether the namespace is missing, which says nothing about any workflow in it."""
    return any(detail.Is(NamespaceNotFoundFailure.DESCRIPTOR) for detail in error.grpc_status.details)


def is_for_now(error: RPCError) -> bool:
    """Whether the server refuses the call only for now: it is too busy, or the workflow's last task failed.
    That may be the server's own workflow: a schedule is one."""
    details = error.grpc_status.details
    return any(each.Is(kind.DESCRIPTOR) for each in details for kind in _FOR_NOW)


def no_such_namespace(error: RPCError) -> InvalidSettings:
    return InvalidSettings(
        f"the Temporal server says: {error.message} TEMPORAL_NAMESPACE or temporal.toml names it; "
        "`temporal operator namespace create` makes one."
    )


def says_there_is_none(error: RPCError) -> bool:
    """Whether the server says that it has no such workflow or schedule (any more), or that it is closed."""
    return error.status is RPCStatusCode.NOT_FOUND and not is_about_the_namespace(error)


async def if_there(answer: Awaitable[Found]) -> Found | None:
    """Await the answer. None only if the server says that there is no such thing, or that the ID is invalid:
    empty, very long, or unlike any run ID. Raises the server's RPCError for all other trouble."""
    try:
        return await answer
    except RPCError as error:
        if says_there_is_none(error) or error.status is RPCStatusCode.INVALID_ARGUMENT:
            return None
        raise


def _profile_from_environment() -> ClientConnectConfig:
    try:
        return ClientConfig.load_client_connect_config()
    except (RuntimeError, OSError, UnicodeDecodeError) as invalid:
        # A syntax error is drawn over several lines, with the place in the first and the cause in the last.
        told = ", ".join(line for line in str(invalid).splitlines() if line and "|" not in line)
        raise InvalidSettings(
            f"Temporal's configuration: {told}. Mend temporal.toml (or the file that TEMPORAL_CONFIG_FILE "
            "names) or the TEMPORAL_... variables."
        ) from None


def _brief(failure: str) -> str:
    """Return the one part that says what happened, out of the Rust structures that the SDK prints."""
    for sign, meaning in (
        ("Connection refused", "connection refused"),
        ("dns error", "no such host"),
        ("Unauthenticated", "it refuses our credentials"),
        ("PermissionDenied", "it refuses our credentials"),
        ("certificate", "TLS: the certificate is not accepted"),
    ):
        if sign in failure:
            return meaning
    return failure.removeprefix(f"{_NEVER_CONNECTED}: ")[:200]


@asynccontextmanager
async def reaching_server() -> AsyncGenerator[None]:
    """Turn gRPC errors into ours. Raises ServerUnreachable, InvalidSettings for a namespace that does not
    exist, and OrderSystemError if the server refuses a call."""
    try:
        yield
    except RPCError as error:
        if has_gone(error):
            raise ServerAway("the Temporal server does not answer") from error
        if is_for_now(error):
            raise ServerUnreachable(f"the Temporal server refuses for now: {error.message}") from error
        if is_about_the_namespace(error):
            raise no_such_namespace(error) from error
        # Only a new server, or one that was restarted without its data, lacks search attributes.
        lacks = "search attribute" in error.message
        cure = f"; a worker registers it as it starts: {WORKER}" if lacks else ""
        raise OrderSystemError(f"the Temporal server refuses: {error.message}{cure}") from error
    except RuntimeError as failure:
        if _NEVER_CONNECTED not in str(failure):
            raise
        raise ServerAway("the Temporal server does not answer") from failure


_answered = WeakKeyDictionary[Client, tuple[bool, float]]()
"""Whether each client's server has answered, and until when that is assumed."""


async def answers(temporal: Client) -> bool:
    """Return whether the server answers the smallest question. It is asked once for the calls of one page."""
    does, until = _answered.get(temporal, (False, 0.0))
    if (began := time.monotonic()) >= until:
        does = await _asked(temporal)
        if not does and time.monotonic() - began < policy.ANSWERS.total_seconds() / 2:
            does = await _asked(temporal)  # by a new connection: the old one may have been broken
        _answered[temporal] = does, time.monotonic() + policy.ANSWER_ASSUMED.total_seconds()
    return does


async def _asked(temporal: Client) -> bool:
    ask = temporal.workflow_service.get_system_info
    try:
        async with reaching_server():
            await ask(GetSystemInfoRequest(), retry=False, timeout=policy.ANSWERS)
    except ServerAway:
        return False
    except OrderSystemError:
        pass  # a refusal is an answer, too
    return True


async def check_answers(temporal: Client) -> None:
    """Raise ServerAway unless the server answers. For a page, before calls that wait longer for a server."""
    if not await answers(temporal):
        raise ServerAway("the Temporal server does not answer")


@asynccontextmanager
async def answering_soon(temporal: Client) -> AsyncGenerator[None]:
    """Raises ServerUnreachable if the server does not answer soon: the SDK retries beyond a time-out."""
    patience = policy.WAITING_ASKED.total_seconds() if await answers(temporal) else 0
    try:
        async with asyncio.timeout(patience), reaching_server():
            yield
    except TimeoutError as late:
        raise ServerAway("the Temporal server does not answer") from late


@asynccontextmanager
async def if_it_answers_soon(temporal: Client) -> AsyncGenerator[None]:
    """Leave the block if the server does not answer soon."""
    with suppress(ServerUnreachable):
        async with answering_soon(temporal):
            yield


async def outlasting(look: Callable[[], Awaitable[Found]]) -> Found:
    """Return what `look` finds, and repeat it while no server answers. Raises ServerUnreachable after
    policy.SERVER_AWAY, and whatever else `look` raises."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + policy.SERVER_AWAY.total_seconds()
    while True:
        try:
            return await look()
        except ServerUnreachable:
            if clock() >= deadline:
                raise
        await asyncio.sleep(policy.CONNECT_AGAIN.total_seconds())
