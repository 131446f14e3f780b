"""Connecting to a Temporal server. TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TLS, API keys and the profiles of
`temporal.toml` mean here what they mean to Temporal's own tools. And how models travel to the server, and
what its errors are to our callers."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from typing import Any, Self, TypeVar

from pydantic_core import SchemaSerializer
from pydantic_core.core_schema import any_schema
from temporalio.api.common.v1 import Payload
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.api.failure.v1 import Failure
from temporalio.client import Client
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter, PydanticPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverter,
    EncodingPayloadConverter,
    PayloadConverter,
    SerializationContext,
)
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.exceptions import FailureError
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import GrpcCompression, RPCError, RPCStatusCode

from order_system.domain.errors import InvalidSettings, KeyTrouble, OrderSystemError, ServerUnreachable
from order_system.infra import policy
from order_system.infra.sealing.ring import SEALED, KeySettings, open_ring
from order_system.infra.settings import PREFIX, load_own_settings
from order_system.infra.telemetry.process import NOW

Found = TypeVar("Found")
DEFAULT_ADDRESS = "localhost:7233"
_NOBODY_THERE = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.CANCELLED,  # by the connection, as it closed: we cancel no call
)
_NEVER_CONNECTED = "Failed client connect"
"""What the SDK says of a client that was made `lazy`: it connects with its first call."""
CURE = "Start one with `temporal server start-dev` or use --embedded; TEMPORAL_ADDRESS names another."


async def connect(address: str | None = None, namespace: str = "default", *, lazy: bool = False) -> Client:
    """A client for the server that the environment names; or for `address`, if there is one, which then
    is a server of our own on this machine and needs neither TLS nor a key. A `lazy` one connects with its
    first call.

    Raises InvalidSettings, and ServerUnreachable within policy.CONNECT.
    """
    if address is not None:
        profile = ClientConnectConfig(target_host=address, namespace=namespace)
    else:
        profile = _profile_from_environment()
    target, runtime = profile.setdefault("target_host", DEFAULT_ADDRESS), sdk_runtime()
    try:
        async with asyncio.timeout(policy.CONNECT.total_seconds()):
            return await Client.connect(
                **profile,
                data_converter=_converter(),
                runtime=runtime,
                plugins=NOW.plugins,
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
    """Within one machine, packing costs more than it saves."""
    here = target.rpartition(":")[0] in ("localhost", "127.0.0.1", "[::1]")
    return GrpcCompression.NONE if here else GrpcCompression.GZIP


@cache
def sdk_runtime() -> Runtime:
    """The SDK's own, whose workers send heartbeats often enough for `workers.Workers`. One a process. What
    its Rust half has to say goes to our log: by itself it prints to stdout, into the midst of our JSON.

    Raises InvalidSettings if metrics cannot be shown where they are to be."""
    said = LoggingConfig(
        TelemetryFilter(core_level="WARN", other_level="ERROR"),
        forwarding=LogForwardingConfig(logging.getLogger("temporalio.core")),
    )
    telemetry = TelemetryConfig(
        logging=said, metrics=NOW.metrics, global_tags=NOW.tags, attach_service_name=False
    )
    try:
        return Runtime(telemetry=telemetry, worker_heartbeat_interval=policy.HEARTBEAT)
    except ValueError as refused:
        where = getattr(NOW.metrics, "bind_address", None)
        if where is None:
            raise InvalidSettings(f"OTEL_EXPORTER_OTLP_..., metrics cannot be sent: {refused}") from refused
        raise InvalidSettings(
            f"metrics cannot be shown at {where}: {refused}. Each program on a machine needs an "
            "ORDER_METRICS_PORT of its own; with --processes N, the N - 1 ports after it are taken, too."
        ) from refused


def has_gone(error: RPCError) -> bool:
    """Whether a call failed because nobody is there, and not because the server said no."""
    if error.status is RPCStatusCode.UNKNOWN:
        # So the SDK tells of a connection that broke, and a frontend of a node that is not there any more.
        return "transport error" in error.message or "Error while dialing" in error.message
    return error.status in _NOBODY_THERE


def is_about_the_namespace(error: RPCError) -> bool:
    """A namespace that is not there is no word about anything in it."""
    return any(detail.Is(NamespaceNotFoundFailure.DESCRIPTOR) for detail in error.grpc_status.details)


def no_such_namespace(error: RPCError) -> InvalidSettings:
    return InvalidSettings(
        f"the Temporal server says: {error.message} TEMPORAL_NAMESPACE or temporal.toml names it; "
        "`temporal operator namespace create` makes one."
    )


def says_there_is_none(error: RPCError) -> bool:
    """Whether the server says that it has no such workflow or schedule (any more), or that it is closed."""
    return error.status is RPCStatusCode.NOT_FOUND and not is_about_the_namespace(error)


async def if_there(answer: Awaitable[Found]) -> Found | None:
    """None only if the server says that there is no such thing, or that nothing can have that ID: it takes no
    empty one, no very long one, no run's that it has not given. Raises its RPCError for all other trouble."""
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
    """The SDK prints Rust structures; people need the one part of them that says what happened."""
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


class _NotOpened(EncodingPayloadConverter):
    """What is still sealed when it is to be read."""

    @property
    def encoding(self) -> str:
        return SEALED

    def to_payload(self, value: Any) -> Payload | None:
        return None

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        key_id = payload.metadata["encryption-key-id"].decode(errors="replace")
        cure = "set it as it is set for the workers (docs/sealed-payloads.md)"
        raise KeyTrouble(f"this is sealed by key {key_id}, and ORDER_KEYS is not set here: {cure}")


class _WithoutDefaults(PydanticJSONPlainPayloadConverter):
    """What equals its default is left out, a third of what travels: whoever reads it has the same default."""

    _json = SchemaSerializer(any_schema()).to_json

    def to_payload(self, value: Any) -> Payload | None:
        data = self._json(value, exclude_defaults=True)
        return Payload(metadata={"encoding": self.encoding.encode()}, data=data)


_SHARED = {
    each.encoding.encode(): each
    for each in (*PydanticPayloadConverter().converters.values(), _WithoutDefaults(), _NotOpened())
}


class ModelPayloadConverter(CompositePayloadConverter):
    """Models travel as JSON, by pydantic: what the SDK's `pydantic_data_converter` does, for less. The SDK
    makes a converter anew for each workflow task; this one shares what those have in common."""

    def __init__(self) -> None:
        self.converters = _SHARED


class OutermostFailures(DefaultFailureConverter):
    """An exception is told by itself, with the innermost calls, and not with those that it came from: what a
    gateway's client raised inside says less to people and, with all stacks, is more than the server keeps: it
    would forget the whole, message and all ("Failure exceeds size limit"). The worker's log has them."""

    def to_failure(
        self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure
    ) -> None:
        if isinstance(exception.__cause__, KeyTrouble):  # of which the SDK says "Failed decoding arguments"
            exception = exception.__cause__
        super().to_failure(exception, payload_converter, failure)
        failure.stack_trace = failure.stack_trace[-policy.FAILURE_STACK :]
        if not isinstance(exception, FailureError):
            failure.ClearField("cause")


class SealedFailures(OutermostFailures):
    """Message and stack are where the codec seals them."""

    def to_failure(
        self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure
    ) -> None:
        super().to_failure(exception, payload_converter, failure)
        sealed = {"message": failure.message, "stack_trace": failure.stack_trace}
        [told] = payload_converter.to_payloads([sealed])
        failure.encoded_attributes.CopyFrom(told)
        failure.message, failure.stack_trace = "Encoded failure", ""


class _Converter(DataConverter):
    """The SDK says of each payload, several times, whose it is. Nothing of ours asks for that."""

    def with_context(self, context: SerializationContext) -> Self:
        return self


data_converter = _Converter(
    payload_converter_class=ModelPayloadConverter, failure_converter_class=OutermostFailures
)


def _converter() -> DataConverter:
    """With the codec, where ORDER_KEYS is set. Raises InvalidSettings."""
    ring = open_ring(load_own_settings(KeySettings, PREFIX))
    if ring is None:
        return data_converter
    try:
        from order_system.infra.sealing.codec import SealingCodec  # noqa: PLC0415 - of the extra
    except ModuleNotFoundError as missing:
        cure = "pip install -e '.[crypto]'"
        raise InvalidSettings(f"ORDER_KEYS is set, and {missing.name} is missing: {cure}") from None
    return replace(data_converter, payload_codec=SealingCodec(ring), failure_converter_class=SealedFailures)


@asynccontextmanager
async def reaching_server() -> AsyncGenerator[None]:
    """No caller sees a gRPC error. Raises ServerUnreachable, InvalidSettings for a namespace that is not
    there, and OrderSystemError if the server refuses."""
    try:
        yield
    except RPCError as error:
        if has_gone(error):
            raise ServerUnreachable("the Temporal server does not answer") from error
        if is_about_the_namespace(error):
            raise no_such_namespace(error) from error
        # Only a server that is new, or that was started anew without its data, lacks them.
        cure = "; a worker registers them within seconds" if "search attribute" in error.message else ""
        raise OrderSystemError(f"the Temporal server refuses: {error.message}{cure}") from error
    except RuntimeError as failure:
        if _NEVER_CONNECTED not in str(failure):
            raise
        raise ServerUnreachable("the Temporal server does not answer") from failure


async def outlasting(look: Callable[[], Awaitable[Found]]) -> Found:
    """What a look finds, taken again while no server answers. Raises ServerUnreachable after
    policy.SERVER_AWAY, and what else the look raises."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + policy.SERVER_AWAY.total_seconds()
    while True:
        try:
            return await look()
        except ServerUnreachable:
            if clock() >= deadline:
                raise
        await asyncio.sleep(policy.CONNECT_AGAIN.total_seconds())
