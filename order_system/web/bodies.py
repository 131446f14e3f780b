"""JSON bodies by the strict door: one order, or a small document of ours."""

from email.message import Message
from typing import Annotated

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from order_system.intake import examine
from order_system.json_documents import UnreadableText, read_documents, spell
from order_system.models import Order
from order_system.web.problems import Invalid, Mistake

JSON = "application/json"


def media_type(request: Request) -> str:
    header = Message()
    header["content-type"] = request.headers.get("content-type", "")
    return header.get_content_type() if header["content-type"] else ""


async def _order(request: Request) -> Order:
    """Raises Invalid, with every mistake at its place; what was found there is not repeated."""
    if media_type(request) != JSON:
        raise HTTPException(415, f"send the order as {JSON}")
    unreadable: str
    try:
        documents = read_documents(await request.body())
    except UnreadableText as error:
        unreadable = f"the body {error}"
    else:
        if len(documents) == 1:
            order, problems = examine(documents[0])
            if order is not None:
                return order
            raise Invalid([Mistake(field=spell(each.place), message=each.message) for each in problems])
        unreadable = "the body must be one order; a file of many is a batch: POST /api/batches"
    raise Invalid([Mistake(field="", message=unreadable)])


PostedOrder = Annotated[Order, Depends(_order)]
"""A route's parameter: the order in the body."""
