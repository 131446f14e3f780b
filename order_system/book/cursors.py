"""Cursors of lists: where a page ended, as opaque text. What comes back is plain data: it is compared with
rows as a parameter, never made part of a query."""

import base64
import binascii
import json
from datetime import UTC, datetime

from order_system.domain.errors import InvalidUsage

LONGEST = 500


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
    moment, key = _decoded(cursor, parts=2)
    try:
        at = datetime.fromisoformat(moment)
        if at.tzinfo is not None:
            return at.astimezone(UTC), key
    except (ValueError, OverflowError):
        pass
    raise _none()


def key_of(cursor: str) -> str:
    """Reverses `cursor_of_key`. Raises InvalidCursor."""
    [key] = _decoded(cursor, parts=1)
    return key


def _encoded(parts: list[str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def _decoded(cursor: str, *, parts: int) -> list[str]:
    try:
        padded = cursor[:LONGEST] + "=" * (-len(cursor[:LONGEST]) % 4)
        document: object = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise _none() from None
    if not isinstance(document, list) or len(document) != parts:  # pyright: ignore[reportUnknownArgumentType]
        raise _none()
    texts = [part for part in document if isinstance(part, str) and _storable(part)]  # pyright: ignore[reportUnknownVariableType]
    if len(texts) != parts:
        raise _none()
    return texts


def _storable(text: str) -> bool:
    """A database takes neither lone surrogates nor, if it is PostgreSQL, NUL."""
    return text.isprintable()


def _none() -> InvalidCursor:
    return InvalidCursor("cursor is none that this list has given out: leave it out to begin at the start")
