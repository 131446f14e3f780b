"""Order fulfilment as it often begins: one function, and no way back.

It is short, and right as long as every call works. When one fails, the function stops where it is:

- The card is charged, then the goods are out of stock: nobody gives the money back.
- The goods are reserved, then the carrier refuses the address: they stay reserved for ever.
- The carrier takes the parcel, then its answer is lost: the order counts as failed, and the parcel is gone.
- The process dies in between: nobody knows how far it came.
- The customer's mail bounces: the order "fails" after everything has been done.

Trying again from the top would charge again. `workflows/order.py` does the same steps with an answer to each
of these; `python starter.py compare` runs both against the same faults and counts what each leaves behind.
"""

from order_system.domain.gateways import Carrier, Mailer, PaymentGateway, Warehouse
from order_system.domain.messages import NoticeKind
from order_system.domain.order import DispatchReceipt, Order, SubmissionRef
from order_system.domain.steps import Effect


async def fulfil_order(
    order: Order, payments: PaymentGateway, warehouse: Warehouse, carrier: Carrier, mailer: Mailer
) -> DispatchReceipt:
    """Raises whatever the first call that fails has raised."""
    key = SubmissionRef(order_id=order.order_id, submission="1", fingerprint=order.fingerprint()).key

    await payments.charge(
        key(Effect.CHARGE),
        amount=order.total,
        currency=order.currency,
        payment_method=order.payment_method,
    )
    await warehouse.reserve(key(Effect.RESERVE), lines=order.lines)
    await carrier.buy_label(key(Effect.LABEL), address=order.shipping_address, lines=order.lines)
    parcel = await carrier.dispatch(key(Effect.DISPATCH), label_key=key(Effect.LABEL))
    await warehouse.commit(key(Effect.RESERVE))
    await mailer.send(key(Effect.NOTIFY), kind=NoticeKind.CONFIRMATION, customer=order.customer)
    return parcel
