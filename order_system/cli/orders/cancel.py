"""`starter.py cancel`: a cancel, and what comes of it."""

from order_system.cli.options import Embedded, Json, OrderId
from order_system.cli.screen import Screen
from order_system.cli.session import configured, exit_code, open_session, order_meant


async def cancel(order_id: OrderId, /, *, embedded: Embedded = False, as_json: Json = False) -> int:
    screen = Screen(as_json=as_json)
    async with open_session(configured(), screen, embedded=embedded) as session:
        order_id = await order_meant(order_id, session.system.book, session.temporal)
        answer, order = await screen.heard(
            session.client.cancel(order_id),
            f"waiting for the answer about {order_id}",
            f"{order_id} has not answered yet. A cancel that the server has taken stands without us: it is "
            f"carried out when a worker runs (python starter.py attention)",
        )
        screen.answer({"verdict": answer, "order": order.model_dump(mode="json")}, f"{order_id}: {answer}")
        return exit_code([order])
