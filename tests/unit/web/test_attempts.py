from datetime import UTC, datetime, timedelta

from order_system.domain.progress import AttemptMade
from order_system.web.pages.orders import attempts_told

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FIFTH = {5: "the gateway is busy"}


def made(activity: str, number: int, said: str | None = "not reached", last: int = 0) -> AttemptMade:
    at = START + timedelta(seconds=number)
    return AttemptMade(
        activity=activity,
        number=number,
        last_number=last or number,
        due_at=at,
        began_at=at,
        ended_at=at,
        said=said,
    )


def test_of_many_attempts_the_first_and_the_last_few_are_told_and_the_others_in_one_line() -> None:
    refunds = [made("refund", n) for n in range(1, 102)] + [made("refund", 102, "down", 5_000)]
    voids = [made("void", n, FIFTH.get(n, "not reached")) for n in range(1, 13)]
    charges = [made("charge", 1), made("charge", 4), made("charge", 5, None), made("charge", 2)]

    told = list(attempts_told("A-1", [*refunds, *voids, *charges]))

    assert [(each.activity, each.first, each.last, each.said) for each in told] == [
        ("refund", 1, 1, "not reached"),
        ("refund", 2, 98, "… 97 attempts more, each: not reached"),
        *(("refund", number, number, "not reached") for number in (99, 100, 101)),
        ("refund", 102, 5_000, "the last one: down"),
        ("void", 1, 1, "not reached"),
        ("void", 2, 8, "… 7 attempts more, of which python starter.py status A-1 --json tells"),
        *(("void", number, number, "not reached") for number in (9, 10, 11, 12)),
        ("charge", 1, 1, "not reached"),
        ("charge", 2, 3, "no answer noted"),  # a worker had died
        ("charge", 4, 4, "not reached"),
        ("charge", 5, 5, "done"),
        ("charge", 1, 1, "no answer noted"),  # a held step was retried
        ("charge", 2, 2, "not reached"),
    ]
    assert (told[1].began_at, told[1].ended_at) == (refunds[1].began_at, refunds[97].ended_at)


def test_of_several_in_one_line_nobody_knows_how_long_they_took_if_the_first_was_never_noted() -> None:
    """Each line that has an end has a beginning, too: the page shows the time in between."""
    charges = [made("charge", number) for number in (1, 3, 4, 5, 6, 7)]
    told = list(attempts_told("A-1", charges))
    assert [(each.first, each.last) for each in told] == [(1, 1), (2, 3), (4, 4), (5, 5), (6, 6), (7, 7)]
    assert (told[1].began_at, told[1].ended_at) == (None, None)
