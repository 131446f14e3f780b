"""Where output goes: stdout for what was asked, stderr for everything that is said meanwhile."""

import json
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from order_system.cli.views import changes, live_orders, order_tree, progress_line
from order_system.domain.progress import OrderProgress

PLAIN_WIDTH = 160
"""Columns of a table where there is no terminal to say how many there are."""

TREES_AT_THE_END = 5
"""A few orders leave their trees on the screen; of more, the table tells enough."""

SECONDS_BETWEEN_WORDS = 5
"""Where there is no terminal, a long wait is told of this often."""

Orders = Mapping[str, OrderProgress]


class View(Protocol):
    def show(self, orders: Orders) -> None: ...


class Screen:
    """With `as_json`, stdout carries one JSON document and nothing else."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._out = _console(stderr=False)
        self._err = _console(stderr=True)

    @property
    def has_a_person(self) -> bool:
        """Whether somebody reads our answer and may press Ctrl-C. A script or CI is left alone."""
        return not self.as_json and self._out.is_terminal and sys.stdin.isatty()

    def answer(self, document: object, *people: RenderableType) -> None:
        """The result of a command: `document` for programs, `people` for everybody else."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, indent=2) + "\n")
            sys.stdout.flush()
            return
        for renderable in people:
            # Not cropped: a line that does not wrap is one to be copied as a whole.
            self._out.print(renderable, crop=False)

    @contextmanager
    def array(self) -> Generator[Callable[[object], None]]:
        """One JSON document, an array, written item by item, since there may be more than memory holds. Of
        a command that fails before its first item nothing is written."""
        items = 0

        def add(item: object) -> None:
            nonlocal items
            sys.stdout.write(f"{',' if items else '['}\n  {json.dumps(item)}")
            items += 1

        yield add
        sys.stdout.write("\n]\n" if items else "[]\n")
        sys.stdout.flush()

    def say(self, message: str) -> None:
        """A remark by the way. Never wrapped, so that links and commands can be copied."""
        console = self._err if self.as_json else self._out
        console.print(Text(message), soft_wrap=True)

    @contextmanager
    def waiting(self, message: str) -> Generator[None]:
        """Shows on a terminal that something is under way."""
        if not self._err.is_terminal:
            yield
            return
        with self._err.status(f"{message} ..."):
            yield

    @contextmanager
    def counting(self, what: str, total: int) -> Generator[Callable[[], None]]:
        """A progress bar on a terminal; yields what counts one more."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._err, disable=not self._err.is_terminal) as bar:
            task = bar.add_task(what, total=total)
            yield lambda: bar.advance(task)

    @contextmanager
    def reading(self, what: str, total_bytes: int) -> Generator[Callable[[int], None]]:
        """A progress bar on a terminal; yields what is told how many bytes have been read."""
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._err, disable=not self._err.is_terminal, transient=True) as bar:
            task = bar.add_task(what, total=total_bytes)
            yield lambda read: bar.update(task, completed=read)

    @contextmanager
    def updating(self) -> Generator[Callable[[RenderableType, str], None]]:
        """Yields what shows how something goes on: a picture that is renewed on a terminal, elsewhere the
        words for it now and then; with JSON only the picture, on stderr."""
        console = self._err if self.as_json else self._out
        if console.is_terminal:
            with Live(console=console, refresh_per_second=4, transient=True) as live:
                yield lambda picture, _words: live.update(picture)
        elif self.as_json:
            yield lambda _picture, _words: None
        else:
            said_at, said = time.monotonic(), ""

            def say(_picture: RenderableType, words: str) -> None:
                nonlocal said_at, said
                if words != said and time.monotonic() - said_at >= SECONDS_BETWEEN_WORDS:
                    said_at, said = time.monotonic(), words
                    self.say(words)

            yield say

    @contextmanager
    def watching(self, order_ids: Sequence[str]) -> Generator[View]:
        """How orders go on: a live display on a terminal, else a line for each change; with JSON, a display
        on stderr if that is a terminal, else nothing."""
        console = self._err if self.as_json else self._out
        if console.is_terminal:
            with _LiveView(console, order_ids) as view:
                yield view
        elif self.as_json:
            yield _NoView()
        else:
            yield _LineView(console)


def now() -> datetime:
    return datetime.now(UTC)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


class _NoView:
    def show(self, orders: Orders) -> None:
        pass


class _LineView:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._before: dict[str, OrderProgress] = {}

    def show(self, orders: Orders) -> None:
        for order_id, order in orders.items():
            for line in changes(self._before.get(order_id), order):
                self._console.print(Text(line), soft_wrap=True)
            self._before[order_id] = order


class _LiveView:
    def __init__(self, console: Console, order_ids: Sequence[str]) -> None:
        self._console = console
        self._total = len(order_ids)
        self._orders: Orders = {}
        self._live = Live(
            console=console,
            get_renderable=self._picture,
            refresh_per_second=8,
            transient=self._total > TREES_AT_THE_END,
        )
        self._leaving = False

    def __enter__(self) -> "_LiveView":
        self._live.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._leaving = True
        self._live.stop()

    def show(self, orders: Orders) -> None:
        self._orders = orders

    def _picture(self) -> RenderableType:
        orders = list(self._orders.values())
        if not orders:
            return Text("submitted; asking how it goes ...", style="dim")
        if self._leaving and self._total <= TREES_AT_THE_END:
            return Group(*(order_tree(order, now()) for order in orders))
        # The cursor stands below the last line, and the line of counts needs one.
        rows = max(1, self._console.height - 2)
        pictures = list(live_orders(orders, now(), rows=rows))
        return Group(*pictures, *([progress_line(orders, self._total)] if self._total > 1 else []))
