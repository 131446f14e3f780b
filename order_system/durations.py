"""Spans of time as people write them in an order: a whole number and its unit, `90s`, `15m`, `2h`, `3d`."""

from datetime import timedelta

_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}

DURATION_PATTERN = "[1-9][0-9]{0,6}[smhd]"


def parse_duration(text: str) -> timedelta:
    """Of a text that matches DURATION_PATTERN."""
    return timedelta(seconds=int(text[:-1]) * _SECONDS[text[-1]])


def duration_text(span: timedelta) -> str:
    """In the largest unit that it is a whole number of: 60 minutes are `1h`, 90 are `90m`."""
    seconds = round(span.total_seconds())
    unit, length = next((unit, length) for unit, length in _SECONDS.items() if seconds % length == 0)
    return f"{seconds // length}{unit}"
