"""Tables for people, which fit terminals of any width."""

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.styled import Styled
from rich.table import Column, Table

WRAPPED = 20
"""The least width at which a cell with wrapped words can be read."""


class FittingTable(Table):
    """A table that shows each row as a block, its first cell above the others, if the columns do not fit."""

    def __init__(self, *headers: Column | str, title: str | None = None) -> None:
        super().__init__(*headers, title=title, title_style="bold", header_style="bold")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        unlimited = options.update(max_width=10_000)

        def width(column: Column) -> int:
            cells = (Measurement.get(console, unlimited, cell).maximum for cell in column.cells)
            widest = max(Measurement.get(console, unlimited, column.header).maximum, *cells, 0)
            return widest if column.no_wrap else min(widest, WRAPPED)

        if sum(width(column) + 3 for column in self.columns) < options.max_width:
            yield from super().__rich_console__(console, options)
            return
        if self.title:
            yield Styled(self.title, "bold")
        for first, *others in zip(*(column.cells for column in self.columns), strict=True):
            yield Styled(first, "bold")
            told = zip(self.columns[1:], others, strict=True)
            yield facts_of((column.header, cell) for column, cell in told if str(cell))


def facts_of(told: Iterable[tuple[RenderableType, RenderableType]]) -> Padding:
    """Return names and texts as an indented block; long texts wrap beside their names."""
    facts = Table.grid(Column(style="dim", no_wrap=True), Column(overflow="fold"), padding=(0, 2, 0, 0))
    for name, text in told:
        facts.add_row(name, text)
    return Padding(facts, (0, 0, 0, 2), expand=False)
