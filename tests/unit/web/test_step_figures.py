import itertools

from order_system.domain.listing import StepRun
from order_system.domain.steps import Step
from order_system.orders.step_statistics import BOUNDS_MS, statistics_of
from order_system.web.pages.step_figures import LEAST_CLASSES, Scale, StepFigures, figures_of


def runs_of(step: Step, *durations: int | None, attempts: int = 1) -> list[StepRun]:
    return [
        StepRun(step=step, duration_ms=took, attempts=attempts, undone=False, failed=took is None)
        for took in durations
    ]


def figures(*runs: StepRun) -> dict[Step, StepFigures]:
    return {each.step: each for each in figures_of(statistics_of(runs))}


def test_nothing_is_shown_of_steps_that_did_not_run() -> None:
    assert figures_of(statistics_of([])) == []


def test_a_step_that_did_not_run_has_no_times_and_no_histogram_beside_one_that_did() -> None:
    shown = figures(*runs_of(Step.PAYMENT, 200))
    assert shown[Step.PAYMENT].histogram is not None
    assert shown[Step.SHIPPING].histogram is None
    assert {words for _, words in shown[Step.SHIPPING].times} == {"-"}


def test_figures_say_how_long_and_how_often() -> None:
    runs = [*runs_of(Step.PAYMENT, 100, 200, None), *runs_of(Step.PAYMENT, 9_000, attempts=2)]
    payment = figures(*runs)[Step.PAYMENT]
    assert dict(payment.times)["Median"] == "200 ms"
    assert dict(payment.times)["Longest"] == "9.0 s"
    assert dict(payment.ends) == {"Retried": "25 %", "Failed": "25 %", "Undone": "0 %"}


def test_columns_stand_side_by_side_and_the_highest_fills_the_height() -> None:
    histogram = figures(*runs_of(Step.PAYMENT, 100, 100, 300, 300, 300, 300))[Step.PAYMENT].histogram
    assert histogram is not None
    low, high = histogram.columns
    assert (high.y, high.height) == (0, 100)
    assert (low.y, low.height) == (50, 50)
    assert low.x + low.width <= high.x
    assert low.title == "2 runs: 82 ms to 100 ms"


def test_all_steps_are_on_one_scale() -> None:
    shown = figures(*runs_of(Step.PAYMENT, 50), *runs_of(Step.SHIPPING, 20_000))
    payment, shipping = (shown[step].histogram for step in (Step.PAYMENT, Step.SHIPPING))
    assert payment is not None
    assert shipping is not None
    assert payment.ticks == shipping.ticks
    assert payment.columns[0].x < shipping.columns[0].x
    assert payment.median < shipping.median


def test_a_median_stands_within_the_column_that_it_was_counted_in() -> None:
    for took in (1, 10, 99, 100, 101, 820_000, 5_000_000):
        histogram = figures(*runs_of(Step.PAYMENT, took))[Step.PAYMENT].histogram
        assert histogram is not None
        (column,) = histogram.columns
        assert column.x <= histogram.median <= column.x + column.width + 0.01


def test_a_scale_is_never_so_short_that_columns_are_blocks() -> None:
    for place in (0, 1, 30, len(BOUNDS_MS)):
        counts = [0] * (len(BOUNDS_MS) + 1)
        counts[place] = 1
        scale = Scale.over([counts])
        assert 0 <= scale.first <= place <= scale.last <= len(BOUNDS_MS)
        assert scale.last - scale.first + 1 >= LEAST_CLASSES


def test_bounds_grow_evenly_on_a_logarithmic_scale() -> None:
    assert list(BOUNDS_MS) == sorted(set(BOUNDS_MS))
    steps = [later / earlier for earlier, later in itertools.pairwise(BOUNDS_MS)]
    assert 1.15 <= min(steps) <= max(steps) <= 1.26
