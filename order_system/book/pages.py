"""Pages of lists, and their cursors. A cursor is opaque text that says where a page ended. What comes back in
one reaches queries only as parameters, never as a part of their text."""

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
    """Refuse unprintable text by ValueError: no database stores lone surrogates, nor PostgreSQL a NUL."""
    if not text.isprintable():
        raise ValueError
    return text


_Moment = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
_Key = Annotated[str, AfterValidator(_storable)]
_Minor = Annotated[int, Field(strict=True, ge=-MAX_AMOUNT, le=MAX_AMOUNT)]
BY_TIME = TypeAdapter(tuple[_Moment, _Key])
"""The cursor of lists by time. The key tells apart rows of the same time."""
BY_AMOUNT = TypeAdapter(tuple[_Minor, _Moment, _Key])
"""The cursor of lists by amount, in minor units, and then by time."""
BY_KEY = TypeAdapter(tuple[_Key])
"""The cursor of lists by a key alone."""
Place = TypeVar("Place")
Shown = TypeVar("Shown")


def cursor_of(*place: datetime | str | int) -> str:
    text = json.dumps(place, default=datetime.isoformat)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(cursor: str, kind: TypeAdapter[Place]) -> Place:
    """Decode what `cursor_of` has encoded. Raises InvalidUsage."""
    try:
        padded = cursor[:LONGEST] + "=" * (-len(cursor[:LONGEST]) % 4)
        return kind.validate_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, OverflowError):
        raise InvalidUsage(
            "cursor is none that this list has given out: leave it out to begin at the start"
        ) from None


def behind(
    place: Sequence[sa.ColumnElement[Any]], after: Sequence[Any], *, ascending: bool = False
) -> sa.ColumnElement[bool]:
    """The condition for rows behind `after`, where the last page ended. Its first part is for the index."""
    (column, *further), (value, *rest) = place, after
    beyond = column > value if ascending else column < value
    if not further:
        return beyond
    or_there = column >= value if ascending else column <= value
    return sa.and_(or_there, sa.or_(beyond, behind(further, rest, ascending=ascending)))


def page_of(
    rows: Sequence[sa.RowMapping], limit: int, shown: Callable[[sa.RowMapping], Shown], place: Sequence[str]
) -> Page[Shown]:
    """Make a page of `limit` rows; if one more is there, another page follows. `place` makes the cursor."""
    page = rows[:limit]
    cursor = cursor_of(*(page[-1][name] for name in place)) if len(rows) > limit else None
    return Page(tuple(map(shown, page)), cursor)


def can_be_kept(*texts: str | None) -> bool:
    """Return whether a database could store these texts. PostgreSQL refuses to compare with any other."""
    return all(text is None or text.isprintable() for text in texts)
