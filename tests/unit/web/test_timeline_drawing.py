from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from order_system.domain.steps import Effect
from order_system.orders.timeline import Mark
from order_system.web.pages.timeline import MOST_TICKS, Span, drawn, tick_step
from order_system.web.pages.visit import TEMPLATES

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def span(began: float, ended: float | None, **changes: str) -> Span:
    values = {"name": "payment", "look": "is-completed", **changes}
    return Span(began=after(began), ended=None if ended is None else after(ended), **values)


class Picture:
    """What the template has drawn."""

    def __init__(self, spans: Sequence[Span], now: float) -> None:
        drawing = drawn(spans, after(now))
        assert drawing is not None
        figure = ElementTree.fromstring(TEMPLATES.get_template("timeline.html").render(drawing=drawing))
        svg = figure.find("svg")
        assert svg is not None
        self.height, self.summary = int(svg.attrib["height"]), svg.attrib["aria-label"]
        self.ticks = [(tick.text, tick.attrib["text-anchor"]) for tick in svg.findall("g[@aria-hidden]/text")]
        self.lanes = [Lane(lane) for lane in svg.findall("g") if "class" in lane.attrib]


class Lane:
    def __init__(self, drawn: ElementTree.Element) -> None:
        back, _, bar = drawn.findall("rect")
        label = drawn.find("text")
        assert label is not None
        self.top = int(back.attrib["y"])
        self.bar = percent(bar.attrib["x"]), percent(bar.attrib["width"])
        self.label = percent(label.attrib["x"]), label.attrib["text-anchor"]
        _, *words = label.itertext()
        self.words, self.title = "".join(words), drawn.findtext("title")
        self.goes_on = "open" in drawn.attrib["class"]
        self.marks = [
            (percent(mark.attrib["cx"]), mark.findtext("title")) for mark in drawn.findall("circle")
        ]


def percent(text: str) -> float:
    return float(text.removesuffix("%"))


def test_nothing_is_drawn_of_an_order_that_has_not_begun() -> None:
    assert drawn([], START) is None


def test_bars_stand_where_their_time_is_in_percent_of_the_whole() -> None:
    drawing = Picture([span(0, 1), span(1, 4), span(5, 10)], now=60)
    assert [lane.bar for lane in drawing.lanes] == [(0, 10), (10, 30), (50, 50)]


def test_what_goes_on_reaches_to_now() -> None:
    drawing = Picture([span(0, 2), span(2, None)], now=8)
    assert [(lane.bar, lane.goes_on) for lane in drawing.lanes] == [((0, 25), False), ((25, 75), True)]


def test_the_servers_clock_may_be_ahead_of_ours() -> None:
    drawing = Picture([span(0, 3), span(3, None)], now=1)
    assert [lane.bar for lane in drawing.lanes] == [(0, 100), (100, 0)]


def test_an_instant_is_drawn_too() -> None:
    drawing = Picture([span(0, 0)], now=5)
    assert [lane.bar for lane in drawing.lanes] == [(0, 0)]


def test_lanes_stand_below_each_other_and_fill_the_height() -> None:
    drawing = Picture([span(0, 1), span(1, 2), span(2, 3)], now=3)
    tops = [lane.top for lane in drawing.lanes]
    assert tops == sorted(set(tops))
    assert drawing.height == tops[-1] + (tops[1] - tops[0])


def test_a_label_on_the_right_ends_with_its_bar_so_that_it_is_not_cut_off() -> None:
    left, right = Picture([span(0, 1), span(8, 10)], now=10).lanes
    assert left.label == (0, "start")
    assert right.label == (100, "end")


def test_a_lane_tells_how_long_and_what_else_is_known() -> None:
    (lane,) = Picture([span(0, 1.5, words="refunded 5.00 USD")], now=9).lanes
    assert lane.words == "1.5 s · refunded 5.00 USD"
    assert lane.title == "payment: 12:00:00.000 to 12:00:01.500 UTC"


def test_marks_stand_where_their_moment_is_unless_the_bar_has_no_room_for_them() -> None:
    marks = (Mark(effect=Effect.LABEL, at=after(5)),)
    wide = Span("shipping", "is-completed", after(0), after(10), marks=marks)
    thin = Span("shipping", "is-completed", after(5), after(5.1), marks=marks)
    shown, left_out = Picture([wide, thin], now=10).lanes
    assert shown.marks == [(50, "label: 12:00:05.000 UTC")]
    assert left_out.marks == []


def test_the_summary_has_every_span_in_words() -> None:
    drawing = Picture([span(0, 1), span(1, None, name="undo of payment")], now=3)
    assert drawing.summary == "Timeline. payment: 1.0 s; undo of payment: 2.0 s"


@pytest.mark.parametrize(
    ("whole", "step"),
    [
        (1, 1),
        (900, 200),
        (4_700, 1_000),
        (25_000, 5_000),
        (61_000, 15_000),
        (3_600_000, 600_000),
        (7_200_000, 1_800_000),
        (30 * 86_400_000, 5 * 86_400_000),
    ],
)
def test_ticks_are_round_and_few(whole: int, step: int) -> None:
    assert tick_step(whole) == step
    assert whole / step <= MOST_TICKS


def test_ticks_say_the_time_since_the_beginning() -> None:
    ticks = Picture([span(0, 4.7)], now=9).ticks
    assert [words for words, _ in ticks] == ["0", "1 s", "2 s", "3 s", "4 s"]
    assert [anchor for _, anchor in ticks] == ["start", "middle", "middle", "middle", "middle"]
    long = Picture([span(0, 5_400)], now=9).ticks
    assert [words for words, _ in long] == ["0", "15 m", "30 m", "45 m", "1 h", "1 h 15 m", "1 h 30 m"]
    assert long[-1][1] == "end"
