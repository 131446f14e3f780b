"""Pages of lists, and their cursors: where a page ended, as opaque text. What comes back is plain data: it is
compared with rows as a parameter, never made part of a query."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import sqlalchemy as sa
from pydantic import AfterValidator, AwareDatetime, Field, TypeAdapter

from order_system.domain.errors import InvalidUsage
from order_system.domain.listing import Page
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
Shown = TypeVar("Shown")


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


def behind(
    place: Sequence[sa.ColumnElement[Any]], after: Sequence[Any], *, ascending: bool = False
) -> sa.ColumnElement[bool]:
    """Behind the row where the last page ended. The first condition is for the index."""
    (column, *further), (value, *rest) = place, after
    beyond = column > value if ascending else column < value
    if not further:
        return beyond
    or_there = column >= value if ascending else column <= value
    return sa.and_(or_there, sa.or_(beyond, behind(further, rest, ascending=ascending)))


def page_of(
    rows: Sequence[sa.RowMapping], limit: int, shown: Callable[[sa.RowMapping], Shown], place: Sequence[str]
) -> Page[Shown]:
    """If there is one row more than `limit`, then there is another page. `place` tells where one ends."""
    page = rows[:limit]
    cursor = cursor_of(*(page[-1][name] for name in place)) if len(rows) > limit else None
    return Page(tuple(map(shown, page)), cursor)


def can_be_kept(*texts: str | None) -> bool:
    """PostgreSQL refuses to compare with what it could not keep."""
    return all(text is None or text.isprintable() for text in texts)
