"""The simulated mailer."""

from order_system.domain.errors import NoticeRefused
from order_system.domain.messages import NoticeKind
from order_system.domain.order import Customer, NoticeReceipt
from order_system.gateways.simulated.faults import Operation
from order_system.gateways.simulated.switchboard import AtSwitchboard, Call, call_of, id_from
from order_system.gateways.simulated.tables import notices


class SimulatedMailer(AtSwitchboard):
    """Implements `domain.gateways.Mailer`."""

    @call_of(Operation.NOTIFY)
    def send(self, call: Call, key: str, *, kind: NoticeKind, customer: Customer) -> NoticeReceipt:
        stored = call.find(notices, key)
        refusal = NoticeRefused("the mailbox does not exist (simulated)") if stored is None else None
        call.meet_trouble([customer.email], refusal=refusal)
        if stored is not None:
            return NoticeReceipt.model_validate(stored, from_attributes=True)
        receipt = NoticeReceipt(message_id=id_from("msg", key), kind=kind)
        call.insert(notices, {"key": key, **receipt.model_dump()})
        return receipt
