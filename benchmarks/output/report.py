"""Results for people on a terminal, for programs as JSON, and for documents as Markdown."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.output.plots import check_plots, draw
from benchmarks.tools.figures import Result, Row, number
from order_system.domain.errors import InvalidUsage

ROWS_IN_A_DOCUMENT = 15
"""A longer table is for programs and terminals: who reads a document wants the figures, and the plots."""


def view(result: Result) -> RenderableType:
    figures = Table(header_style="bold")
    figures.add_column("Figure")
    figures.add_column("Value", justify="right")
    figures.add_column("Unit")
    figures.add_column("Bound")
    for figure in result.figures:
        style = "" if not figure.bound else "green" if figure.holds else "bold red"
        figures.add_row(figure.name, Text(figure.told, style=style), figure.unit, figure.verdict)
    return Group(
        Text(result.what, style="bold"),
        figures,
        *(_samples(title, rows) for title, rows in result.samples.items()),
        "",
    )


def _samples(title: str, rows: Sequence[Row]) -> Table:
    table = Table(title=title, title_style="dim", title_justify="left", header_style="dim")
    for column in rows[0]:
        table.add_column(column, justify="left" if isinstance(rows[0][column], str) else "right")
    for row in rows:
        table.add_row(*map(number, row.values()))
    return table


def check_json(path: Path) -> None:
    """Before anything is measured: can it be written? Raises InvalidUsage."""
    try:
        path.touch()
    except OSError as failure:
        raise InvalidUsage(f"{path} cannot be written: {failure.strerror}") from None


def write_json(path: Path, machine: Row, results: Sequence[Result]) -> None:
    document: dict[str, Any] = {"machine": machine, "results": [result.document() for result in results]}
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


# --- Markdown -------------------------------------------------------------------------------------


def check_markdown(path: Path, benchmarks: Sequence[str]) -> None:
    """Before anything is measured: has the file a place for each, and can plots be drawn? Raises
    InvalidUsage."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    for benchmark in benchmarks:
        if not _place_of(benchmark).search(text):
            raise InvalidUsage(
                f"{path} has no place for {benchmark}: write <!-- {benchmark} --> and "
                f"<!-- /{benchmark} --> where its figures belong, on lines of their own"
            )
    check_plots(benchmarks)


def write_markdown(path: Path, machine: Row, result: Result) -> None:
    """The result at its place, instead of what stands there; all else stays. Its plots go into the folder
    `images` beside the document."""
    plots = {
        title: file.relative_to(path.parent).as_posix()
        for title, file in draw(result, path.parent / "images").items()
    }
    new = f"<!-- {result.benchmark} -->\n{_markdown(machine, result, plots)}<!-- /{result.benchmark} -->"
    text = path.read_text(encoding="utf-8")
    path.write_text(_place_of(result.benchmark).sub(lambda _: new, text), encoding="utf-8")


def _place_of(benchmark: str) -> re.Pattern[str]:
    return re.compile(rf"^<!-- {benchmark} -->$.*?^<!-- /{benchmark} -->$", re.M | re.S)


def _markdown(machine: Row, result: Result, plots: Mapping[str, str]) -> str:
    """`plots`: title -> file, from the document's folder."""
    lines = [
        "",
        f"{result.what[0].upper()}{result.what[1:]}.",
        "",
        "{cores} shared cores ({processor}), Python {python}, {day}:".format_map(machine),
        "",
        *_markdown_table(
            [
                {
                    "Figure": figure.name,
                    "Value": f"{figure.told} {figure.unit}".strip(),
                    "Bound": figure.verdict,
                }
                for figure in result.figures
            ]
        ),
        "",
    ]
    for title, file in plots.items():
        lines += [f"![{title}]({file})", ""]
    for title, rows in result.samples.items():
        if len(rows) <= ROWS_IN_A_DOCUMENT:
            lines += [f"{title}:", "", *_markdown_table(rows), ""]
    return "\n".join([*lines, ""])


def _markdown_table(rows: Sequence[Row]) -> list[str]:
    aligned = ["---" if isinstance(value, str) else "---:" for value in rows[0].values()]
    cells = [list(rows[0]), aligned, *(list(map(number, row.values())) for row in rows)]
    return [f"| {' | '.join(each)} |" for each in cells]
