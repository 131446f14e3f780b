"""The exit codes and options that commands share; this module takes no time to load. Some options are times
as people type them: a day, a moment, or how long ago."""

import re
from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from order_system.domain.errors import InvalidUsage
from order_system.domain.wording import DURATION_PATTERN, parse_duration

CLEAN, ATTENTION, INVALID, UNREACHABLE, NOT_FULFILLED = 0, 1, 2, 3, 4
"""Exit codes; `starter.py --help` explains them."""

Json = Annotated[bool, Parameter(name="--json", help="Print JSON on stdout, and nothing else there.")]
Embedded = Annotated[
    bool, Parameter(help="Run server and worker in this process, with their files in ORDER_DATA_DIR.")
]
Strict = Annotated[bool, Parameter(help="Exit with 4 if an order was not fulfilled.")]
OrderId = Annotated[str, Parameter(help="For example ORDER-001, or the ID of one of its workflows.")]
Since = Annotated[str | None, Parameter(help="From then on: 24h (ago), 2026-11-25, 2026-11-25T08:00 (UTC).")]
Before = Annotated[str | None, Parameter(help="Only earlier than that: likewise.")]


def moment(text: str | None) -> datetime | None:
    """Read a time, which is in UTC unless it has a zone. Raises InvalidUsage."""
    if text is None:
        return None
    try:
        if re.fullmatch(DURATION_PATTERN, text):
            return datetime.now(UTC) - parse_duration(text)
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidUsage(f"{text!r} is no time: write 24h, 2026-11-25 or 2026-11-25T08:00Z") from None
