"""Which Temporal server a client speaks to: what the order book tells servers apart by."""

import time

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from order_system.domain.servers import Server
from order_system.infra import policy


async def server_of(temporal: Client) -> Server:
    """Raises the SDK's RPCError when the server fails."""
    request = DescribeNamespaceRequest(namespace=temporal.namespace)
    try:
        answer = await temporal.workflow_service.describe_namespace(request, retry=True, timeout=policy.RPC)
    except RPCError as error:
        if error.status is not RPCStatusCode.UNIMPLEMENTED:
            raise
        return Server(temporal.namespace)  # the time-skipping test server
    kept = answer.config.workflow_execution_retention_ttl.ToTimedelta()
    return Server(temporal.namespace, answer.namespace_info.id or None, kept or None)


class KnownServer:
    """The same, asked at most once in policy.SERVER_KNOWN: for what happens with every order.

    Not once for ever: a worker outlives its server, and another one may take over the address."""

    def __init__(self, temporal: Client) -> None:
        self._temporal = temporal
        self._known: Server | None = None
        self._asked_at = 0.0

    async def __call__(self) -> Server:
        asked_at = time.monotonic()
        if self._known is None or asked_at - self._asked_at > policy.SERVER_KNOWN.total_seconds():
            self._known, self._asked_at = await server_of(self._temporal), asked_at
        return self._known
