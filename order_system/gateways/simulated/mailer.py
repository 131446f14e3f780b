"""The simulated mailer."""

from order_system.domain.errors import NoticeRefused
from order_system.domain.messages import NoticeKind
from order_system.domain.order import Customer, NoticeReceipt
from order_system.gateways.simulated.faults import Operation
from order_system.gateways.simulated.switchboard import Call, Switchboard, id_from
from order_system.gateways.simulated.tables import notices


class SimulatedMailer:
    """Implements `domain.gateways.Mailer`."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard

    async def send(self, key: str, *, kind: NoticeKind, customer: Customer) -> NoticeReceipt:
        def post(call: Call) -> NoticeReceipt:
            stored = call.find(notices, key)
            refusal = NoticeRefused("the mailbox does not exist (simulated)") if stored is None else None
            call.meet_trouble([customer.email], refusal=refusal)
            if stored is not None:
                return NoticeReceipt(message_id=stored.message_id, kind=stored.kind)
            receipt = NoticeReceipt(message_id=id_from("msg", key), kind=kind)
            call.insert(notices, {"key": key, **receipt.model_dump()})
            return receipt

        return await self._switchboard.put_through(Operation.NOTIFY, key, post)
