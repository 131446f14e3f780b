"""Where output goes: the result to stdout, or to files. With JSON, everything else goes to stderr."""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import AsyncIterable, Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, TypeVar

from pydantic import BaseModel
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from order_system.cli.views import changes, live_orders, order_tree, progress_line
from order_system.domain.errors import InvalidUsage
from order_system.domain.progress import OrderProgress
from order_system.infra import policy

PLAIN_WIDTH = 160
"""The width of a table where no terminal tells its width."""

TREES_AT_THE_END = 5
"""So many orders at most leave their trees on the screen; for more, the table tells enough."""

SECONDS_BETWEEN_WORDS = 5
"""How often a long wait is reported where there is no terminal."""

Item = TypeVar("Item", bound=BaseModel)
Orders = Mapping[str, OrderProgress]
Answer = TypeVar("Answer")


class Screen:
    """The output of one command. With `as_json`, stdout has one JSON document and nothing else."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._out = _console(stderr=False)
        self._err = _console(stderr=True)

    @property
    def has_a_person(self) -> bool:
        """Whether a person reads our answer and may press Ctrl-C, rather than a script or CI."""
        return not self.as_json and self._out.is_terminal and sys.stdin.isatty()

    def answer(self, document: object, *people: RenderableType) -> None:
        """Print the result of a command: `document` for programs, or `people` for people."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, indent=2) + "\n")
            sys.stdout.flush()
            return
        for renderable in people:
            # Not cropped: a line that does not wrap is meant to be copied as a whole.
            self._out.print(renderable, crop=False)

    async def answer_each(self, items: AsyncIterable[Item], most: int) -> tuple[list[Item], int]:
        """Print a result that may be larger than memory. For programs it is one JSON array, written item by
        item; if the command fails before its first item, nothing is written.

        Returns, for people, the first `most` items, and the number of all."""
        first: list[Item] = []
        total = 0
        async for item in items:
            if self.as_json:
                sys.stdout.write(f"{',' if total else '['}\n  {json.dumps(item.model_dump(mode='json'))}")
            elif total < most:
                first.append(item)
            total += 1
        if self.as_json:
            sys.stdout.write("\n]\n" if total else "[]\n")
            sys.stdout.flush()
        return first, total

    def say(self, message: str) -> None:
        """Print a remark. It is never wrapped, so that links and commands can be copied."""
        console = self._err if self.as_json else self._out
        console.print(Text(message), soft_wrap=True)

    @contextmanager
    def waiting(self, message: str) -> Generator[None]:
        with self._err.status(f"{message} ...") if self._err.is_terminal else nullcontext():
            yield

    async def heard(self, work: Coroutine[Any, Any, Answer], message: str, if_late: str) -> Answer:
        """Return the result of the work. After policy.WORD_ABOUT_WAITING or Ctrl-C, print `if_late` once."""
        waiting, done = asyncio.create_task(work), set[asyncio.Task[Answer]]()
        try:
            try:
                with self.waiting(message):
                    done, _ = await asyncio.wait({waiting}, timeout=policy.WORD_ABOUT_WAITING.total_seconds())
            finally:
                if not done:
                    self.say(if_late)  # on stdout, so not while a wheel on stderr turns in the same line
            with self.waiting(message):
                return await waiting
        finally:
            waiting.cancel()

    @contextmanager
    def reading(self, what: str, total: int, *unit: ProgressColumn) -> Generator[Callable[[int], None]]:
        """Show a progress bar on a terminal; yield the function to call with how much has been read. A `unit`
        other than bytes has its own columns."""
        told = unit or (DownloadColumn(),)
        columns = (TextColumn("{task.description}"), BarColumn(), *told, TimeRemainingColumn())
        with Progress(*columns, console=self._err, disable=not self._err.is_terminal, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda read: bar.update(task, completed=read)

    @contextmanager
    def updating(self) -> Generator[Callable[[RenderableType, str], None]]:
        """Yield a function that shows progress: on a terminal a picture that is renewed, elsewhere the words
        now and then; with JSON only the picture, on stderr."""
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
    def watching(self, order_ids: Sequence[str]) -> Generator[Callable[[Orders], None]]:
        """Yield a function that shows how orders go on: a live display on a terminal, else a line for each
        change; with JSON, a display on stderr if that is a terminal, else nothing."""
        console = self._err if self.as_json else self._out
        if console.is_terminal:
            with _live(console, len(order_ids)) as show:
                yield show
        elif self.as_json:
            yield lambda _orders: None
        else:
            before: dict[str, OrderProgress] = {}

            def tell(orders: Orders) -> None:
                for order_id, order in orders.items():
                    for line in changes(before.get(order_id), order):
                        self.say(line)
                before.update(orders)

            yield tell


@contextmanager
def written_whole(name: str | Path, *, is_new: bool = False) -> Generator[IO[str]]:
    """Yield a file that appears only when all of it is written; if `is_new`, never over an old one. Raises
    InvalidUsage."""
    path = Path(name)
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")  # another may write it, too
    try:
        with unfinished.open("x", encoding="utf-8", newline="") as file:
            yield file
        if is_new:
            path.hardlink_to(unfinished)
        else:
            unfinished.replace(path)
    except OSError as failure:
        raise InvalidUsage(f"{name} cannot be written: {failure.strerror}") from None
    finally:
        if unfinished.is_file():
            unfinished.unlink()


def now() -> datetime:
    return datetime.now(UTC)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


@contextmanager
def _live(console: Console, total: int) -> Generator[Callable[[Orders], None]]:
    """Show orders live. A few leave their trees behind; of more, only what fits is shown, and none stays."""
    few = total <= TREES_AT_THE_END
    shown: list[OrderProgress] = []
    leaving = False

    def picture() -> RenderableType:
        if not shown:
            return Text("submitted; asking how it goes ...", style="dim")
        if leaving and few:
            return Group(*(order_tree(order, now()) for order in shown))
        # The cursor stands below the last line, and the line of counts needs one.
        pictures = live_orders(shown, now(), rows=max(1, console.height - 2))
        return Group(*pictures, *([progress_line(shown, total)] if total > 1 else []))

    def show(orders: Orders) -> None:
        shown[:] = orders.values()

    with Live(console=console, get_renderable=picture, refresh_per_second=8, transient=not few):
        try:
            yield show
        finally:
            leaving = True
