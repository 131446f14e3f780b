"""Times and numbers as text. A span as people write it in an order is a whole number and its unit: `90s`,
`15m`, `2h`, `3d`. As people read it, it is `792 ms`, `3.1 s`, `1 h 58 m`."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import PlainSerializer

_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}

DURATION_PATTERN = "[1-9][0-9]{0,6}[smhd]"


def iso(moment: datetime) -> str:
    """Write a moment in UTC, to the millisecond: for documents, and for `<time datetime>` in pages."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[datetime, PlainSerializer(iso, when_used="json")]


def parse_duration(text: str) -> timedelta:
    """Read a text that matches DURATION_PATTERN."""
    return timedelta(seconds=int(text[:-1]) * _SECONDS[text[-1]])


def duration_text(span: timedelta) -> str:
    """Write a span as a whole number of the largest possible unit: 60 minutes are `1h`, 90 are `90m`."""
    seconds = round(span.total_seconds())
    unit, length = next((unit, length) for unit, length in _SECONDS.items() if seconds % length == 0)
    return f"{seconds // length}{unit}"


def in_time(milliseconds: int) -> str:
    """Write a time for people, in about three digits."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d", hours, "h"), (hours, "h", minutes, "m"), (minutes, "m", seconds, "s"))
    return next(f"{many} {unit} {few:02} {less}" for many, unit, few, less in parts if many)


def milliseconds_between(began: datetime, ended: datetime) -> int:
    """Return the time between, but never less than 0: the server's clock may be ahead of ours."""
    return max(0, round((ended - began).total_seconds() * 1000))


def time_between(earlier: datetime, later: datetime) -> str:
    return in_time(milliseconds_between(earlier, later))


def so_many(number: int, one: str, more: str = "") -> str:
    """Write `1 order`, `2,000 orders`; `more` is for a plural that takes more than an s."""
    return f"1 {one}" if number == 1 else f"{number:,} {more or f'{one}s'}"
