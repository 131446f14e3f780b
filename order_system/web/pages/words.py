"""The words of pages for states, moments and numbers."""

import re
from datetime import UTC, datetime

from order_system.domain.listing import BatchOrder, OrderSummary
from order_system.domain.wording import so_many, time_between


def in_words(state: str) -> str:
    """Write `needs_attention` as `needs attention`."""
    return state.replace("_", " ")


def plain(reason: str | None) -> str:
    """Leave out the error's name, which is for programs, as in `ShippingRefused: the carrier does ...`."""
    return _ERROR_NAME.sub("", reason or "")


_ERROR_NAME = re.compile(r"\A[A-Z][A-Za-z]+: (?=\S)")


def sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def utc(moment: datetime) -> str:
    """Write a moment in UTC, for browsers without the script that knows the viewer's zone."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def clock(moment: datetime) -> str:
    """Write a time of day in UTC, to the millisecond."""
    return moment.astimezone(UTC).time().isoformat(timespec="milliseconds")


def took(order: OrderSummary | BatchOrder, now: datetime) -> str:
    """Write how long the order took, or has been under way; blank if its start or its end is not known."""
    goes_on = order.status in ("running", "needs_attention")
    ended = order.closed_at or (now if goes_on else None)
    return time_between(order.opened_at, ended) if order.opened_at and ended else ""


def round_time(milliseconds: int) -> str:
    """Write a round time on a scale, without the decimals and zeros of `in_time`."""
    parts: list[str] = []
    for unit, length in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        number, milliseconds = divmod(milliseconds, length)
        parts += [f"{number} {unit}"] if number else []
    if milliseconds and (milliseconds >= 1_000 or parts):
        parts.append(f"{milliseconds / 1_000:g} s")
    elif milliseconds:
        parts.append(f"{milliseconds} ms")
    return " ".join(parts) or "0"


def share(part: int, whole: int) -> str:
    """Write a share in percent, with a decimal below 10 %."""
    if not whole or not part:
        return "0 %"
    percent = 100 * part / whole
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"


def hour(moment: datetime) -> str:
    """Write hour and minute in UTC."""
    return f"{moment.astimezone(UTC):%H:%M}"


FILTERS = (in_words, plain, sentence, utc, clock, hour, took, so_many)
