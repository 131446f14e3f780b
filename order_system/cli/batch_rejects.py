"""The refused rows of a batch's file as they were, each with its reason, to be mended and run."""

import csv
import io
import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, cast

from order_system.batch_client import LineOutcome
from order_system.batch_files import FileFormat, FileRef, FileRefused
from order_system.batch_files.csv_rows import Row
from order_system.batch_files.inspection import chunks_from
from order_system.batch_files.pages import rows_of
from order_system.batch_files.sources import Source, open_source
from order_system.csv_orders import REJECT_REASON, defuse

MAX_RAW_BYTES = 10_000_000
"""Of one row; a longer one is written as far as it was looked at."""


class RejectsFile:
    """The refused rows as they were, with the reason, so that the mended file can be run as it is."""

    def __init__(self, file: IO[str], ref: FileRef, source: Source) -> None:
        self._file = file
        self._ref = ref
        self._source = source
        self._ours = [
            place for place, name in enumerate(ref.columns) if name.strip().lower() == REJECT_REASON
        ]
        """Columns of reasons, if the file is one of rejects itself: replaced."""
        self._rows = self._all_rows()
        self._next = next(self._rows, None)
        if ref.format is not FileFormat.JSONL:
            self._file.write(self._csv([*self._without_reasons(ref.columns), REJECT_REASON]))

    def add(self, line: LineOutcome) -> None:
        """Lines come in the order of the file."""
        while self._next is not None and self._next[1].line <= line.last_line:
            start, row = self._next
            if row.line >= line.first_line:
                self._file.write(self._with_reason(start, row, line.reason or ""))
            self._next = next(self._rows, None)

    def _all_rows(self) -> Iterator[tuple[int, Row]]:
        """With the offset behind the row before."""
        start = self._ref.start.offset
        for rows in rows_of(self._ref, self._ref.start, chunks_from(self._source, start)):
            for row in rows:
                yield start, row
                start = row.end

    def _with_reason(self, start: int, row: Row, reason: str) -> str:
        if self._ref.format is FileFormat.JSONL:
            return _json_line(self._raw(start, row), reason)
        if row.broken is None and len(row.cells) == len(self._ref.columns):
            return self._csv([*self._without_reasons(row.cells), defuse(reason)])
        return f"{self._raw(start, row)},{self._csv([defuse(reason)])}"

    def _raw(self, start: int, row: Row) -> str:
        size = row.end - start
        if row.broken is None or size > MAX_RAW_BYTES:
            return row.text.rstrip("\r\n")
        # Of a row that is too long `text` is only the beginning. Blank rows may stand before it.
        return self._source.read(start, size).decode(self._ref.encoding, "replace").strip("\r\n")

    def _without_reasons(self, cells: Sequence[str]) -> list[str]:
        return [cell for place, cell in enumerate(cells) if place not in self._ours]

    def _csv(self, cells: Sequence[str]) -> str:
        text = io.StringIO(newline="")
        csv.writer(text).writerow(cells)
        return text.getvalue()


def _json_line(text: str, reason: str) -> str:
    """The reason stands in the document, if it is one."""
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return f"{text}\n"
    document = cast("dict[str, Any]", document)
    if REJECT_REASON in document:
        return json.dumps({**document, REJECT_REASON: reason}, ensure_ascii=False) + "\n"
    comma = ", " if document else ""
    return f"{text.rstrip()[:-1]}{comma}{json.dumps(REJECT_REASON)}: {json.dumps(reason)}}}\n"


@contextmanager
def rejects_from(ref: FileRef, roots: Sequence[str], file: IO[str]) -> Generator[RejectsFile]:
    """Raises FileRefused."""
    with open_source(ref.url, roots) as source:
        try:
            yield RejectsFile(file, ref, source)
        except UnicodeDecodeError:
            raise FileRefused(f"{ref.url}: has changed since it was checked") from None
