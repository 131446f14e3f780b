"""Where output goes: the result to stdout, or to files. With JSON, everything else goes to stderr."""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import AsyncIterable, Callable, Coroutine, Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import IO, Any, TypeVar

from cyclopts import Parameter
from pydantic import BaseModel
from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from order_system.cli.options import Json
from order_system.domain.errors import InvalidUsage
from order_system.infra import policy

PLAIN_WIDTH = 160
"""The width of a table where no terminal tells its width."""

SECONDS_BETWEEN_WORDS = 5
"""How often a long wait is reported where there is no terminal."""

Item = TypeVar("Item", bound=BaseModel)
Answer = TypeVar("Answer")


@Parameter(name="*")
@dataclass(frozen=True)
class Screen:
    """The output of one command, chosen by its option `--json`: then stdout has one JSON document and nothing
    else."""

    as_json: Json = False

    @property
    def has_a_person(self) -> bool:
        """Whether a person reads our answer and may press Ctrl-C, rather than a script or CI."""
        return not self.as_json and self._out.is_terminal and sys.stdin.isatty()

    def answer(self, document: object, *people: RenderableType) -> None:
        """Print the result of a command: `document` for programs, or `people` for people."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, indent=2) + "\n")
            sys.stdout.flush()
        self.show(*people)

    def show(self, *people: RenderableType) -> None:
        """Print the result of a command for people; with JSON nothing."""
        for renderable in () if self.as_json else people:
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
        self._beside.print(Text(message), soft_wrap=True)

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
    def updating(
        self, *, every_word: bool = False, stays: bool = False
    ) -> Generator[Callable[[RenderableType, str], None]]:
        """Yield a function that shows progress: on a terminal a picture that is renewed, elsewhere the words,
        now and then or `every_word`; with JSON only the picture, on stderr. The last picture goes away with
        the block, unless it `stays`."""
        if self._beside.is_terminal:
            with Live(console=self._beside, refresh_per_second=4, transient=not stays) as live:
                yield lambda picture, _words: live.update(picture)
        elif self.as_json:
            yield lambda _picture, _words: None
        else:
            said_at, said = time.monotonic(), ""

            def say(_picture: RenderableType, words: str) -> None:
                nonlocal said_at, said
                due = every_word or time.monotonic() - said_at >= SECONDS_BETWEEN_WORDS
                if due and words not in ("", said):
                    said_at, said = time.monotonic(), words
                    self.say(words)

            yield say

    @property
    def rows(self) -> int:
        """How many lines such a picture may have: the cursor stands below the last one."""
        return max(1, self._beside.height - 1)

    # One console for each, since it moves the picture that it shows out of the way of what it prints.
    @cached_property
    def _out(self) -> Console:
        return _console(stderr=False)

    @cached_property
    def _err(self) -> Console:
        return _console(stderr=True)

    @property
    def _beside(self) -> Console:
        """Where all that is no result goes: with JSON, stderr."""
        return self._err if self.as_json else self._out


PEOPLE = Screen()


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
