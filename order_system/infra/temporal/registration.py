"""Registers our search attributes on a Temporal server.

Without them the server refuses a client's start. Worse, an upsert or a child's start retries its workflow
task for ever, while money is held. So a worker registers them before it takes any work, or does not start."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from order_system.domain.errors import OrderSystemError, ServerUnreachable
from order_system.domain.search_attributes import INDEXED_AS, KINDS
from order_system.infra import policy
from order_system.infra.temporal.connection import has_gone, is_about_the_namespace, no_such_namespace
from order_system.infra.temporal.servers import server_of

log = structlog.stdlib.get_logger(__name__)


async def register_search_attributes(temporal: Client) -> None:
    """Register those that are missing. Idempotent; many workers may call it at once.

    Raises OrderSystemError, and ServerUnreachable if the server goes away meanwhile."""
    try:
        missing = await _missing(temporal)
        if missing:
            await add_search_attributes(temporal, missing)
            await _until_known(temporal)
    except RPCError as refused:
        if has_gone(refused):
            raise ServerUnreachable(f"The Temporal server has gone away: {refused.message}") from refused
        if is_about_the_namespace(refused):
            raise no_such_namespace(refused) from refused
        raise OrderSystemError(_cure(temporal, refused.message)) from None


async def settle_in_again(temporal: Client, settle_in: Callable[[], Awaitable[None]]) -> None:
    """Watch for ever for a new server in the place of ours, such as one that comes back without its data.
    Within seconds, register our search attributes there, and call `settle_in` for the rest."""
    settled = None
    while True:
        try:
            found = await server_of(temporal)
            if settled not in (None, found):
                await register_search_attributes(temporal)
                await settle_in()
                log.warning("another Temporal server has taken the place of ours: settled in anew")
            settled = found
        except OrderSystemError as trouble:
            log.warning("another Temporal server cannot be settled in yet", reason=str(trouble))
        except RPCError:
            pass  # the server is away, or its namespace is: the next look tells
        await asyncio.sleep(policy.BOOK_LOOK.total_seconds())


async def _missing(temporal: Client) -> list[str]:
    known = await temporal.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=temporal.namespace), retry=True, timeout=policy.RPC
    )
    for name, kind in INDEXED_AS.items():
        if known.custom_attributes.get(name, kind) != kind:
            raise OrderSystemError(
                f"the search attribute {name} of namespace {temporal.namespace} is not of type "
                f"{KINDS[name]}: remove it there, or use another namespace"
            )
    return [name for name in INDEXED_AS if name not in known.custom_attributes]


async def add_search_attributes(temporal: Client, names: list[str]) -> None:
    """Add these search attributes; some may exist already. Raises RPCError."""
    request = AddSearchAttributesRequest(
        namespace=temporal.namespace, search_attributes={name: INDEXED_AS[name] for name in names}
    )
    try:
        await temporal.operator_service.add_search_attributes(request, retry=True, timeout=policy.RPC)
    except RPCError as error:
        # Another worker was quicker.
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise


async def _until_known(temporal: Client) -> None:
    """Wait for the server's next look at its search attributes: mostly seconds, at worst a minute."""
    deadline = time.monotonic() + policy.SEARCH_ATTRIBUTES_KNOWN.total_seconds()
    query = " OR ".join(f"{name} = 'any'" for name in KINDS)
    while True:
        try:
            await temporal.count_workflows(query, rpc_timeout=policy.RPC)
        except RPCError as error:
            if error.status is not RPCStatusCode.INVALID_ARGUMENT or time.monotonic() > deadline:
                raise
            await asyncio.sleep(policy.CONNECT_AGAIN.total_seconds())
        else:
            return


def _cure(temporal: Client, refusal: str) -> str:
    options = " ".join(f"--name {name} --type {kind}" for name, kind in KINDS.items())
    command = f"temporal operator search-attribute create --namespace {temporal.namespace} {options}"
    return (
        f"the search attributes cannot be registered in namespace {temporal.namespace} ({refusal}). "
        f"Have them made: {command}"
    )
