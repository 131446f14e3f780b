"""How far a batch has come, as a bar and in words."""

from order_system.domain.batch import ENDED, BatchProgress
from order_system.web.pages.words import counted, in_words

_PARTS = ("fulfilled", "skipped", "failed", "cancelled", "needing_attention", "conflicting", "running")
"""In the order in which they stand in the bar; what is left of it has not been started."""
_NAMES = {"needing_attention": "need attention", "conflicting": "in conflict"}


def expected(progress: BatchProgress) -> int:
    """Orders: an estimate until all of the file has been read."""
    return max(progress.orders_expected, progress.counts.valid)


def parts_of(progress: BatchProgress) -> list[tuple[str, float, str]]:
    """How each part of the bar looks, its width in percent of the whole, and its title."""
    whole = max(1, expected(progress))
    numbers = [(name, getattr(progress.counts, name)) for name in _PARTS]
    return [
        (name, 100 * number / whole, f"{number:,} {_NAMES.get(name, in_words(name))}")
        for name, number in numbers
        if number
    ]


def headline(progress: BatchProgress) -> str:
    if progress.status in ENDED and progress.counts.rows and not progress.counts.valid:
        return "There was no order to run"
    about = "" if progress.counts.bytes_read >= progress.bytes_total or progress.status in ENDED else "about "
    return f"{progress.counts.ended:,} of {about}{counted(expected(progress), 'order')} done"
