import itertools
import re
from collections.abc import Sequence

from order_system.domain.listing import StepRun
from order_system.domain.steps import Step
from order_system.orders.step_statistics import BOUNDS_MS, StepStatistics, statistics_of
from order_system.web.pages.step_figures import LEAST_CLASSES, Scale
from order_system.web.pages.visit import TEMPLATES


def runs_of(step: Step, *durations: int | None, attempts: int = 1) -> list[StepRun]:
    return [
        StepRun(step=step, duration_ms=took, attempts=attempts, undone=False, failed=took is None)
        for took in durations
    ]


def page_of(*runs: StepRun) -> dict[Step, str]:
    """What the page shows of each step."""
    steps = statistics_of(runs)
    text = TEMPLATES.get_template("steps.html").render(
        visitor=None,
        place="",
        said=None,
        ui_url=None,
        here=lambda **_: "/steps",
        pace="2s",
        spans={"hour": ("Last hour", None)},
        chosen="hour",
        steps=steps,
        submissions_limit=1,
        scale=scale_of(steps),
    )
    return {
        Step(part.partition('"')[0]): part
        for part in text.split('<section class="panel" aria-labelledby="step-')[1:]
    }


def scale_of(steps: Sequence[StepStatistics]) -> Scale:
    return Scale.over([step.classes for step in steps])


def drawn(shown: str, kind: str) -> list[dict[str, float]]:
    """Where shapes of a kind stand in a histogram, in percent."""
    shapes = re.findall(rf'<(?:rect|line) class="{kind}"([^>]*)>', shown)
    return [
        {name: float(value) for name, value in re.findall(r'([a-z0-9]+)="(-?[0-9.]+)%?"', shape)}
        for shape in shapes
    ]


def test_a_step_that_did_not_run_has_no_times_and_no_histogram_beside_one_that_did() -> None:
    shown = page_of(*runs_of(Step.PAYMENT, 200))
    assert "<svg" in shown[Step.PAYMENT]
    assert "<svg" not in shown[Step.SHIPPING]
    assert shown[Step.SHIPPING].count("<dd>-</dd>") == 4


def test_figures_say_how_long_and_how_often() -> None:
    runs = [*runs_of(Step.PAYMENT, 100, 200, None), *runs_of(Step.PAYMENT, 9_000, attempts=2)]
    payment = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", page_of(*runs)[Step.PAYMENT]))
    assert (payment["Median"], payment["Longest"]) == ("200 ms", "9.0 s")
    assert (payment["Retried"], payment["Failed"], payment["Undone"]) == ("25 %", "25 %", "0 %")


def test_columns_stand_side_by_side_and_the_highest_fills_the_height() -> None:
    shown = page_of(*runs_of(Step.PAYMENT, 100, 100, 300, 300, 300, 300))[Step.PAYMENT]
    low, high = drawn(shown, "part")
    assert (high["y"], high["height"]) == (0, 100)
    assert (low["y"], low["height"]) == (50, 50)
    assert low["x"] + low["width"] <= high["x"]
    assert "<title>2 runs: 82 ms to 100 ms</title>" in shown


def test_all_steps_are_on_one_scale() -> None:
    shown = page_of(*runs_of(Step.PAYMENT, 50), *runs_of(Step.SHIPPING, 20_000))
    payment, shipping = shown[Step.PAYMENT], shown[Step.SHIPPING]
    assert drawn(payment, "grid") == drawn(shipping, "grid") != []
    assert drawn(payment, "part")[0]["x"] < drawn(shipping, "part")[0]["x"]
    assert drawn(payment, "mark")[0]["x1"] < drawn(shipping, "mark")[0]["x1"]


def test_a_median_stands_within_the_column_that_it_was_counted_in() -> None:
    for took in (1, 10, 99, 100, 101, 820_000, 5_000_000):
        steps = statistics_of(runs_of(Step.PAYMENT, took))
        scale = scale_of(steps)
        ((x, number, _),) = scale.columns(steps[0].classes)
        assert number == 1
        assert x <= scale.x(took) <= x + scale.width + 0.01


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
