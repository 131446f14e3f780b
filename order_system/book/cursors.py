"""Cursors of lists: where a page ended, as opaque text. What comes back is plain data: it is compared with
rows as a parameter, never made part of a query."""

import base64
import json
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AwareDatetime, Field, TypeAdapter

from order_system.domain.errors import InvalidUsage
from order_system.domain.money import MAX_AMOUNT

LONGEST = 500


def _storable(text: str) -> str:
    """A database takes neither lone surrogates nor, if it is PostgreSQL, NUL."""
    if not text.isprintable():
        raise ValueError
    return text


_Moment = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
_Key = Annotated[str, AfterValidator(_storable)]
_Minor = Annotated[int, Field(strict=True, ge=-MAX_AMOUNT, le=MAX_AMOUNT)]
BY_TIME = TypeAdapter(tuple[_Moment, _Key])
"""For lists by time. The key tells apart what has the same time."""
BY_AMOUNT = TypeAdapter(tuple[_Minor, _Moment, _Key])
"""For lists by amount, in minor units, and then by time."""
BY_KEY = TypeAdapter(tuple[_Key])
"""For lists by a key alone."""
Place = TypeVar("Place")


class InvalidCursor(InvalidUsage):
    """Not a cursor that a list has given out."""


def cursor_of(*place: datetime | str | int) -> str:
    text = json.dumps(place, default=datetime.isoformat)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(cursor: str, kind: TypeAdapter[Place]) -> Place:
    """Reverses `cursor_of`. Raises InvalidCursor."""
    try:
        padded = cursor[:LONGEST] + "=" * (-len(cursor[:LONGEST]) % 4)
        return kind.validate_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, OverflowError):
        raise InvalidCursor(
            "cursor is none that this list has given out: leave it out to begin at the start"
        ) from None
