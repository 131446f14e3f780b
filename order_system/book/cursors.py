"""Cursors of lists: where a page ended, as opaque text. What comes back is plain data: it is compared with
rows as a parameter, never made part of a query."""

import base64
import json
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AwareDatetime, TypeAdapter

from order_system.domain.errors import InvalidUsage

LONGEST = 500


def _storable(text: str) -> str:
    """A database takes neither lone surrogates nor, if it is PostgreSQL, NUL."""
    if not text.isprintable():
        raise ValueError
    return text


_Moment = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
_Key = Annotated[str, AfterValidator(_storable)]
_BY_TIME = TypeAdapter(tuple[_Moment, _Key])
_BY_KEY = TypeAdapter(tuple[_Key])
Parts = TypeVar("Parts")


class InvalidCursor(InvalidUsage):
    """Not a cursor that a list has given out."""


def cursor_of(moment: datetime, key: str) -> str:
    """For lists by time. `key` tells apart what has the same time."""
    return _encoded([moment.isoformat(), key])


def cursor_of_key(key: str) -> str:
    """For lists by a key alone."""
    return _encoded([key])


def moment_and_key(cursor: str) -> tuple[datetime, str]:
    """Reverses `cursor_of`. Raises InvalidCursor."""
    return _decoded(cursor, _BY_TIME)


def key_of(cursor: str) -> str:
    """Reverses `cursor_of_key`. Raises InvalidCursor."""
    [key] = _decoded(cursor, _BY_KEY)
    return key


def _encoded(parts: list[str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def _decoded(cursor: str, kind: TypeAdapter[Parts]) -> Parts:
    try:
        padded = cursor[:LONGEST] + "=" * (-len(cursor[:LONGEST]) % 4)
        return kind.validate_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, OverflowError):
        raise InvalidCursor(
            "cursor is none that this list has given out: leave it out to begin at the start"
        ) from None
