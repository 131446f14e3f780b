"""The attempts at an order's activities, as its page shows them. Of many attempts at one activity it shows
the first and the last few, since an activity that is stuck over a weekend is tried thousands of times."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from order_system.attention.concerns import STARTER
from order_system.domain.progress import AttemptMade

MOST_APART = 6
"""The most lines of one series of attempts, with the line for those that are left out."""


@dataclass(frozen=True)
class Tried:
    """A line about one attempt, or about several."""

    activity: str
    first: int
    last: int
    said: str
    began_at: datetime | None = None
    ended_at: datetime | None = None


def attempts_told(attempts: Sequence[AttemptMade]) -> Iterator[Tried]:
    """Yield lines by series, in order of the first attempts. Retrying a held step begins a new series."""
    series: list[list[Tried]] = []
    latest: dict[str, list[Tried]] = {}
    for made in attempts:
        lines = latest.get(made.activity, [])
        if not lines or made.number <= lines[-1].last:
            lines = latest[made.activity] = []
            series.append(lines)
        due = lines[-1].last + 1 if lines else 1
        if due < made.number:
            lines.append(Tried(made.activity, due, made.number - 1, "no answer noted"))
        lines.append(_line(made))
    for lines in series:
        yield from _folded(lines)


def _line(made: AttemptMade) -> Tried:
    together = "the last one: " if made.last_number > made.number else ""
    said = together + (made.said or "done")
    return Tried(made.activity, made.number, made.last_number, said, made.began_at, made.ended_at)


def _folded(lines: list[Tried]) -> list[Tried]:
    if len(lines) <= MOST_APART:
        return lines
    begin, hidden, end = lines[:1], lines[1 : 2 - MOST_APART], lines[2 - MOST_APART :]
    first, last, said = hidden[0], hidden[-1], {each.said for each in hidden}
    each_said = f"each: {said.pop()}" if len(said) == 1 else f"of which {STARTER} status --json tells"
    words = f"… {last.last - first.first + 1:,} attempts more, {each_said}"
    return [*begin, Tried(first.activity, first.first, last.last, words, first.began_at, last.ended_at), *end]
