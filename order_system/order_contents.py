"""Which content runs under an order's ID, as the server knows it from the first moment on.

The book hears of a submission only when its payment opens it; the memo of the workflow is there at once.
"""

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from order_system import policy
from order_system.ids import FINGERPRINT, order_workflow_id


class ContentsOnServer:
    """`batch_ports.OrderContents`. Raises the SDK's RPCError when the server fails."""

    def __init__(self, temporal: Client) -> None:
        self._temporal = temporal

    async def fingerprint(self, order_id: str) -> str | None:
        handle = self._temporal.get_workflow_handle(order_workflow_id(order_id))
        try:
            newest = await handle.describe(rpc_timeout=policy.RPC)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        return str((await newest.memo()).get(FINGERPRINT, ""))
