"""The charts of a result. Importing this needs the extra `bench`: see plots.py."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from benchmarks.measurements.orders.figures import TIMES
from benchmarks.tools.figures import Result, Row, number

FONT = "DejaVu Sans"
GOOD, BAD, TEXT, FAINT, GRID = "#2a7f62", "#c0392b", "#1f2933", "#52606d", "#e4e7eb"
WORKER, SERVER = "#334e68", "#9fb3c8"
WIDTH = 440
ROOM_FOR_TEXT = 1.4
"""Of the longest bar, so that what is written behind it has a place."""


def ratios(result: Result) -> Any:
    """Each ratio as a bar, and its bound as a stroke across it."""
    rows: list[Row] = [
        {
            "figure": figure.name,
            "ratio": figure.value,
            "bound": figure.at_most if figure.at_least is None else figure.at_least,
            "verdict": "no bound" if not figure.bound else "holds" if figure.holds else "does not hold",
            "text": figure.told + (f"  ({figure.bound})" if figure.bound else ""),
        }
        for figure in result.figures
        if not figure.unit
    ]
    for row in rows:
        row["end"] = max(row["ratio"], row["bound"] or 0)
    base = _bars_of(rows)
    y = alt.Y("figure:N", sort=None, title=None, axis=alt.Axis(labelLimit=460, labelPadding=8, ticks=False))
    bars = base.mark_bar(height=15).encode(
        y=y,
        x=_from_zero("ratio:Q", "ratio", [row["end"] for row in rows]),
        color=alt.Color(
            "verdict:N",
            title=None,
            scale=alt.Scale(domain=["holds", "does not hold", "no bound"], range=[GOOD, BAD, SERVER]),
            legend=alt.Legend(orient="bottom"),
        ),
    )
    bounds = base.mark_tick(color=TEXT, thickness=2, size=24).encode(y=y, x="bound:Q")
    return _dressed(alt.layer(bars, bounds, _written(base, "end", y)), height=alt.Step(26))


def processor_time(result: Result) -> Any:
    """Of worker and server, one behind the other, for each contestant."""
    medians = result.samples[TIMES]
    rows = [
        {
            "contestant": row["contestant"],
            "process": process,
            "ms": row[f"{process} ms/order"],
            "place": place,
        }
        for row in medians
        for place, process in enumerate(("worker", "server"))
    ]
    totals: list[Row] = [
        {
            "contestant": row["contestant"],
            "ms": row["worker ms/order"] + row["server ms/order"],
            "text": f"{number(row['worker ms/order'])} + {number(row['server ms/order'])}",
        }
        for row in medians
    ]
    y = alt.Y("contestant:N", sort=None, title=None, axis=alt.Axis(labelPadding=8, ticks=False))
    x = _from_zero("ms:Q", "processor milliseconds an order", [row["ms"] for row in totals])
    bars = (
        _bars_of(rows)
        .mark_bar(height=22)
        .encode(
            y=y,
            x=x,
            order=alt.Order("place:Q"),
            color=alt.Color(
                "process:N",
                title=None,
                scale=alt.Scale(domain=["worker", "server"], range=[WORKER, SERVER]),
                legend=alt.Legend(orient="bottom"),
            ),
        )
    )
    return _dressed(alt.layer(bars, _written(_bars_of(totals), "ms", y)), height=alt.Step(34))


def memory(result: Result) -> Any:
    line = _bars_of(next(iter(result.samples.values()))).mark_line(
        color=WORKER, point=alt.OverlayMarkDef(color=WORKER)
    )
    x, y = alt.X("orders:Q", title="orders run"), alt.Y("MB:Q", title="MB resident")
    return _dressed(alt.layer(line.encode(x=x, y=y)), height=200)


def _bars_of(rows: Sequence[Row]) -> alt.Chart:
    return alt.Chart(alt.Data(values=list(rows)))


def _from_zero(field: str, title: str, ends: Sequence[float]) -> alt.X:
    return alt.X(field, title=title, scale=alt.Scale(domain=[0, max(ends) * ROOM_FOR_TEXT], nice=False))


def _written(base: alt.Chart, end: str, y: alt.Y) -> alt.Chart:
    """The column `text` behind the bars."""
    return base.mark_text(align="left", dx=6, color=TEXT).encode(y=y, x=f"{end}:Q", text="text:N")


def _dressed(chart: Any, **size: Any) -> Any:
    """On white, so that a dark theme shows it as well."""
    return (
        chart.properties(width=WIDTH, background="white", padding=12, **size)
        .configure(font=FONT)
        .configure_axis(
            labelFontSize=12,
            titleFontSize=12,
            labelColor=TEXT,
            titleColor=FAINT,
            gridColor=GRID,
            domain=False,
        )
        .configure_legend(labelFontSize=12, labelColor=TEXT)
        .configure_text(fontSize=12)
        .configure_view(stroke=None)
    )
