"""The two files that a batch produces: a table of what became of each line, and the refused rows as they
were, each with its reason, to be mended and run."""

import json
import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import IO, Any, cast

from order_system.batches.files import REJECT_REASON
from order_system.batches.files.reader import rows_of
from order_system.batches.files.rows import Row
from order_system.batches.files.sources import Source, open_source
from order_system.batches.reports import LineOutcome
from order_system.domain.card_numbers import HIDDEN, REFUSAL, with_hidden_digits
from order_system.domain.order_file import FileFormat, FileRef, FileRefused
from order_system.domain.wording import iso
from order_system.intake.formulas import cells_of, csv_line, defuse

MAX_RAW_BYTES = 10_000_000
"""The most bytes of one row. Of a longer row, only what was looked at is written."""

_OLD_REASON = re.compile(r"line \d+[ ,]")
_MAY_BEGIN_A_FORMULA = r'(?:^|(?<=[{separator}"\r\n]))(?= *[=+\-@\t\uff1d\uff0b\uff0d\uff20])'
"""The places in a broken row where a spreadsheet may see a cell begin, however it reads the quotes."""
_JSON_VALUE = re.compile(r'("(?:[^"\\]|\\.)*+"?|[0-9][0-9.eE+-]*)')
_TOLD_OF_HIDDEN = f" ({HIDDEN} stands for each digit of what may be a card number)"


class RejectsFile:
    """The refused rows as they were, each with its reason, so that the mended file can be run as it is. But
    in a cell that may hold a card number all digits are hidden, and such a cell is refused again.

    People mend it in a spreadsheet, so each cell that looks like a formula gets an apostrophe in front. Our
    reader removes the apostrophe again, so the rows keep their meaning."""

    def __init__(self, file: IO[str], ref: FileRef, source: Source) -> None:
        self._file = file
        self._ref = ref
        self._source = source
        self._ours = [at for at, name in enumerate(ref.columns) if name.strip().lower() == REJECT_REASON]
        """The columns of old reasons, if the file itself is a rejects file. They are replaced."""
        self._rows = rows_of(ref, ref.start, source.chunks(ref.start.offset))
        self._next = next(self._rows, None)
        if ref.encoding != "utf-8":  # this file is UTF-8, whatever the profile says of the source
            self._file.write("\ufeff")
        if ref.separator != ",":  # spreadsheets and our reader need it
            self._file.write(f"sep={ref.separator}\r\n")
        if ref.format is not FileFormat.JSONL:
            header = [*self._without_reasons(ref.columns), REJECT_REASON]
            self._file.write(self._csv(with_hidden_digits(header)))

    def add(self, line: LineOutcome) -> None:
        """Write the rows of a refused line. Lines must come in the order of the file."""
        while self._next is not None and self._next.line <= line.last_line:
            if self._next.line >= line.first_line:
                self._file.write(self._with_reason(self._next, line.reason or ""))
            self._next = next(self._rows, None)

    def _with_reason(self, row: Row, reason: str) -> str:
        separator, is_json = self._ref.separator, self._ref.format is FileFormat.JSONL
        if is_json:
            parts = _JSON_VALUE.split(self._raw(row))
        else:
            parts = self._raw(row).split(separator) if row.broken else self._without_reasons(row.cells)
        hidden = with_hidden_digits(parts, as_text=bool(row.broken), told=REFUSAL in reason)
        reason += _TOLD_OF_HIDDEN if hidden != parts else ""
        if is_json:
            return _json_line("".join(f'"{part}"' if part[:1] == HIDDEN else part for part in hidden), reason)
        if row.broken is None:
            return self._csv([*hidden, reason])
        cell_begins = _MAY_BEGIN_A_FORMULA.replace("{separator}", re.escape(separator))
        raw = re.sub(cell_begins, "'", separator.join(hidden))
        return f"{raw}{separator}{self._csv([reason])}"

    def _raw(self, row: Row) -> str:
        size = row.end - row.offset
        if row.broken is None or size > MAX_RAW_BYTES:
            return row.text.rstrip("\r\n")
        # Of a row that is too long `text` is only the beginning.
        return self._source.read(row.offset, size).decode(self._ref.encoding, "replace").rstrip("\r\n")

    def _without_reasons(self, cells: Sequence[str]) -> list[str]:
        if self._ours and len(cells) != len(self._ref.columns):
            # A ragged row has its old reason at the end. Left there, the reason could fill a missing cell.
            return list(cells[:-1] if _OLD_REASON.match(cells[-1]) else cells)
        return [cell for place, cell in enumerate(cells) if place not in self._ours]

    def _csv(self, cells: Iterable[str]) -> str:
        return csv_line(map(defuse, cells), self._ref.separator)


def _json_line(text: str, reason: str) -> str:
    """Return the line with the reason added to its document; a line that is no document stays as it is."""
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
    """Open the rejects of a source file, to be written to `file`. Raises FileRefused."""
    with open_source(ref.url, roots) as source:
        try:
            yield RejectsFile(file, ref, source)
        except UnicodeDecodeError:
            raise FileRefused(f"{ref.url}: has changed since it was checked") from None


def outcome_document(line: LineOutcome) -> dict[str, Any]:
    closed = iso(line.closed_at) if line.closed_at else None
    return asdict(line) | {"closed_at": closed}


class OutcomeFile:
    """A CSV file. No spreadsheet runs any of its cells as a formula."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._file.write(csv_line(field.name for field in fields(LineOutcome)))

    def add(self, line: LineOutcome) -> None:
        self._file.write(csv_line(cells_of(outcome_document(line).values())))
