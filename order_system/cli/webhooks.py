"""`starter.py webhooks`: try the receiver out, and send again or drop undelivered events."""

import uuid
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import App, Parameter

from order_system.bootstrap import receiver_of
from order_system.cli.help import MORE_HELP
from order_system.cli.options import ATTENTION, CLEAN, Embedded
from order_system.cli.screen import PEOPLE, Screen
from order_system.cli.session import configured, open_session
from order_system.domain.errors import AnswerLost, InvalidUsage, ReceiverGone
from order_system.domain.webhooks import Event, EventType
from order_system.infra.settings import load_settings

webhooks = App(name="webhooks", help_epilogue=MORE_HELP)


@webhooks.command(name="test")
async def try_out(
    url: Annotated[str | None, Parameter(help="The receiver's, instead of ORDER_WEBHOOKS_URL.")] = None,
    /,
    *,
    screen: Screen = PEOPLE,
) -> int:
    """Send one signed event of type webhook.test, once, and say what comes back. Exit code 1: no 2xx."""
    configured()
    post = receiver_of(load_settings(webhooks_url=url) if url else load_settings())
    if post is None:
        raise InvalidUsage("name a receiver: webhooks test URL, or ORDER_WEBHOOKS_URL")
    event = Event(type=EventType.TEST, timestamp=datetime.now(UTC), data={}, which=(uuid.uuid4().hex,))
    try:
        delivered, told = True, f"the receiver answered {await post(event)}"
    except (AnswerLost, ReceiverGone) as failure:
        delivered, told = False, str(failure)
    document = {"event_id": event.id, "delivered": delivered, "told": told}
    screen.answer(document, f"{event.id}: {told}")
    return CLEAN if delivered else ATTENTION


@webhooks.command
async def again(
    event_id: Annotated[str, Parameter(help="As `starter.py attention` lists it.")],
    /,
    *,
    drop: Annotated[bool, Parameter(help="Give it up instead: it is never sent.")] = False,
    embedded: Embedded = False,
    screen: Screen = PEOPLE,
) -> int:
    """Send an undelivered event once more, and retry it for as long as a new one."""
    async with open_session(configured(), screen, embedded=embedded) as session:
        await session.attention.answer_event(event_id, again=not drop)
    told = "is dropped" if drop else "is sent again"
    screen.answer({"event_id": event_id, "told": told}, f"{event_id} {told}")
    return CLEAN
