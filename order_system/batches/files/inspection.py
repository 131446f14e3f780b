"""Looks at a whole file once before it is used: what it is, whether it is text, and its SHA-256. Whenever the
file is read later, checks whether it is still the same."""

import codecs
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import accumulate, chain, islice
from typing import TypedDict, Unpack

from order_system.batches.files import guessed_text
from order_system.batches.files.apart import FEWEST_COLUMNS, orders_apart
from order_system.batches.files.jsonl import rows_of_lines
from order_system.batches.files.layouts import MAX_COLUMNS, fitted_layout
from order_system.batches.files.profiles import load_profile, profile_of_mapping
from order_system.batches.files.rows import LongLine, Row, Shape, csv_rows, line_batches, salvaged_cells
from order_system.batches.files.sources import GotOn, Source, Stamp, open_source
from order_system.batches.files.spellings import MISREAD_AS, is_garbled
from order_system.domain.errors import InvalidUsage
from order_system.domain.order_file import (
    FileChanged,
    FileFormat,
    FileRef,
    FileRefused,
    Position,
)
from order_system.domain.order_profile import Profile
from order_system.intake.documents import document_on_line

_NO_TEXT = {
    b"\x1f\x8b": "is compressed; gunzip it first",
    b"BZh": "is compressed; bunzip2 it first",
    b"\xfd7zXZ": "is compressed; unxz it first",
    b"\x28\xb5\x2f\xfd": "is compressed; unzstd it first",
    b"PK\x03\x04": "is a zip archive or an Excel workbook; save it as CSV UTF-8",
    b"\xd0\xcf\x11\xe0": "is an Excel workbook; save it as CSV UTF-8",
    b"\xff\xfe": "is UTF-16; save it as UTF-8 (Excel: CSV UTF-8; or iconv -f UTF-16 -t UTF-8)",
    b"\xfe\xff": "is UTF-16; save it as UTF-8 (Excel: CSV UTF-8; or iconv -f UTF-16 -t UTF-8)",
    b"<": "is HTML or XML, even if it is named .xls; open it in a spreadsheet, and save it as CSV UTF-8",
}
_JSON = re.compile(rb'(?:\[\s*)?\{\s*["}]')
_NO_UTF8 = "save it as UTF-8 (Excel: CSV UTF-8), or say what its encoding is: cp1252 (Windows), for example"
_BEING_WRITTEN = "is being written to; try again when it is complete"
_ROWS_LOOKED_AT = 20
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
ENCODINGS = ["utf-8", "latin-1", *guessed_text.ENCODINGS, *guessed_text.EVERYDAY]
_ALIASES = {"shift_jis": "cp932", "gbk": "gb18030", "gb2312": "gb18030", "euc_kr": "cp949", "big5": "cp950"}
_KNOWN = _ALIASES | {codecs.lookup(name).name: name for name in ENCODINGS}


class HowToRead(TypedDict, total=False):
    """How to read a file. Without a format, its name tells (.jsonl, .ndjson, else CSV). A mapping comes on
    top of a profile. Without an encoding, the profile tells, or else it is UTF-8."""

    file_format: FileFormat | None
    mapping: Profile | None
    profile: Profile | None
    encoding: str | None


def inspect_file(url: str, roots: Sequence[str], **how: Unpack[HowToRead]) -> FileRef:
    """Return the reference to a file that can be read as orders, even if its rows are invalid. Memory is
    constant, however large the file. Blocks. Raises FileRefused, which names what is wrong, the line and the
    cure; and InvalidUsage if JSON Lines come with a mapping or profile."""
    file_format, mapping, profile = how.get("file_format"), how.get("mapping"), how.get("profile")
    by_name = FileFormat.JSONL if url.lower().endswith((".jsonl", ".ndjson")) else FileFormat.CSV
    file_format = file_format or (FileFormat.CSV if profile else by_name)
    if file_format is FileFormat.SHOPIFY:
        profile = profile or load_profile("shopify")
    if mapping:
        profile = profile_of_mapping(mapping, profile)
    if profile and file_format is FileFormat.JSONL:
        raise InvalidUsage(
            "a mapping or profile is for CSV files; JSON Lines hold order documents as they are"
        )
    with open_source(url, roots) as source:
        try:
            stamp = source.stamp()
            asked_for = how.get("encoding") or (profile or Profile()).encoding
            encoding, start = encoding_of(source, asked_for, may_be_json=file_format is FileFormat.JSONL)
            digest = _checksum_of_text(source, stamp.size, encoding)
            if encoding not in ("utf-8", *MISREAD_AS) and _is_utf8(source):  # for these, each cell tells
                raise FileRefused(f"is UTF-8, and not {encoding}: give utf-8 as the encoding")
            if file_format is FileFormat.JSONL:
                _check_json_lines(source, start, encoding)
                columns, apart, orders = (), None, None
            else:
                profile, columns, start = _header(source, start, encoding, profile)
                layout = fitted_layout(columns, profile or Profile())
                apart, orders = orders_apart(source, start, encoding, layout)
            if source.stamp() != stamp:
                raise FileRefused(_BEING_WRITTEN)
        except FileRefused as refused:
            raise FileRefused(f"{url}: {refused}") from None
        except UnicodeDecodeError:  # all of it was text a moment ago
            raise FileRefused(f"{url}: {_BEING_WRITTEN}") from None
        return FileRef(
            url=source.url,
            size=stamp.size,
            sha256=digest,
            stamp=stamp.mark,
            format=file_format,
            profile=profile,
            encoding=encoding,
            columns=columns,
            start=start,
            apart=apart,
            orders=orders,
        )


def encoding_of(source: Source, asked_for: str, *, may_be_json: bool) -> tuple[str, Position]:
    """Return the encoding, and where the text begins. Raises FileRefused, which names the cure."""
    encoding = None
    with suppress(LookupError, ValueError):  # the latter for a name with a NUL
        encoding = _KNOWN.get(codecs.lookup(asked_for).name)
    if encoding is None:
        raise FileRefused(f"can be read as one of {', '.join(ENCODINGS)}, and in no other encoding")
    head = source.read(0, 1_000)
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    for sign, reason in _NO_TEXT.items():
        if text.startswith(sign):
            raise FileRefused(reason)
    if _JSON.match(text) and not may_be_json:
        raise FileRefused(
            "is JSON, and needs no profile: put one order document on each line of a .jsonl file"
        )
    if head.count(0) > len(head) // 5:
        raise FileRefused("is no text, or UTF-16 without a mark; save it as UTF-8")
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8", Position(offset=len(codecs.BOM_UTF8), line=1)
    return encoding, Position(offset=0, line=1)


def _checksum_of_text(source: Source, size: int, encoding: str) -> str:
    """Return the SHA-256. Raises FileRefused at the first byte that is no text."""
    digest, decoder = sha256(), codecs.getincrementaldecoder(encoding)()
    offset = 0
    for chunk in source.chunks():
        digest.update(chunk)
        pending = len(decoder.getstate()[0])  # the beginning of a character, at the end of the last chunk
        try:
            decoder.decode(chunk, final=offset + len(chunk) >= size)
        except UnicodeDecodeError as error:
            line = _line_at(source, offset - pending + error.start)
            cure = "name another encoding, or save it as UTF-8" if encoding != "utf-8" else _NO_UTF8
            raise FileRefused(f"line {line} is not {encoding.replace('utf', 'UTF')} text; {cure}") from None
        offset += len(chunk)
    return digest.hexdigest()


def _is_utf8(source: Source) -> bool:
    """Return whether all is UTF-8, not ASCII alone. Other encodings would make plausible words of it."""
    decoder, is_ascii = codecs.getincrementaldecoder("utf-8")(), True
    try:
        for chunk in chain(source.chunks(), [b""]):
            is_ascii &= decoder.decode(chunk, final=not chunk).isascii()
    except UnicodeDecodeError:
        return False
    return not is_ascii


def _line_at(source: Source, offset: int) -> int:
    batches = line_batches(source.chunks())
    sizes = (
        size for each in batches for size in ([each.size] if isinstance(each, LongLine) else map(len, each))
    )
    return next((line for line, end in enumerate(accumulate(sizes), 1) if end > offset), 0)


def _header(
    source: Source, start: Position, encoding: str, profile: Profile | None
) -> tuple[Profile | None, tuple[str, ...], Position]:
    """Return the profile, the header, and where the rows begin. A first line `sep=;`, as spreadsheets write
    it, sets the profile's separator. Raises FileRefused."""
    separator = profile.separator if profile else ","
    rows = csv_rows(line_batches(source.chunks(start.offset)), start, encoding, Shape(separator))
    header = next(rows, None)
    if header and (told := re.fullmatch(r'"?sep=([^\s"\w]|\t)"?[\r\n]*', header.text)):
        profile = (profile or Profile()).model_copy(update={"separator": told[1]})
        return _header(source, Position(offset=header.end, line=header.last_line + 1), encoding, profile)
    if header is None:
        raise FileRefused("is empty")
    further = list(islice(rows, _ROWS_LOOKED_AT))
    if not header.broken:
        _check_place(header, further)
    _check_separator(header, separator)
    if header.broken:
        raise FileRefused(f"line {header.line}, the header, {header.broken}")
    if encoding != "utf-8" and any(map(is_garbled, header.cells)):
        raise FileRefused(f"line {header.line}: is UTF-8, and not {encoding}: give utf-8 as the encoding")
    if len(header.cells) > MAX_COLUMNS:
        raise FileRefused(f"line {header.line}: has more than {MAX_COLUMNS} columns")
    if not further:
        raise FileRefused("has a header, and no orders below it")
    return profile, tuple(header.cells), Position(offset=header.end, line=header.last_line + 1)


def _check_place(header: Row, further: Sequence[Row]) -> None:
    """Raises FileRefused if there is a title above the header: it would be taken for one."""
    rows = (header, *further)
    widths = [max(sum(map(bool, salvaged_cells(row.text, sign))) for sign in _SEPARATORS) for row in rows]
    if widths[0] < FEWEST_COLUMNS <= max(widths):
        below = next(row.line for row, width in zip(further, widths[1:], strict=True) if width == max(widths))
        told = f"is no header; it seems to be on line {below}: take out the lines above that"
        raise FileRefused(f"line {header.line} {told}")


def _check_separator(header: Row, separator: str) -> None:
    widths = {sign: len(salvaged_cells(header.text, sign)) for sign in _SEPARATORS}
    other = max(widths, key=widths.__getitem__)
    width = 0 if header.broken else len(header.cells)
    if width < min(widths[other], FEWEST_COLUMNS) and other != separator:
        wanted = _SEPARATORS.get(separator, repr(separator))
        raise FileRefused(
            f"line {header.line}: columns must be separated by {wanted}; or say in a profile that they are "
            f"by {_SEPARATORS[other]}: separator = {json.dumps(other)}"
        )


def _check_json_lines(source: Source, start: Position, encoding: str) -> None:
    batches = line_batches(source.chunks(start.offset))
    first = next(rows_of_lines(batches, start, encoding), None)
    if first is None:
        raise FileRefused("is empty")
    text = first.cells[0]
    if text.startswith("[") or (text.startswith("{") and document_on_line(1, text).broken and len(text) < 3):
        raise FileRefused(
            f"line {first.line}: each line must hold one order document; jq -c '.[]' turns an array into that"
        )


_REMEMBERED = 100

_checksums: dict[tuple[str, str], str] = {}
"""URL and stamp -> SHA-256 of what this process has hashed. A worker's copy of a file may have another stamp
than the reference's: it need not be hashed again for every page."""


def verify(ref: FileRef, roots: Sequence[str], got_on: GotOn | None = None) -> None:
    """Read all of the file and compare its SHA-256. Blocks.

    Raises FileChanged, and FileRefused if it is not there any more."""
    with open_source(ref.url, roots, got_on) as source:
        stamp = source.stamp()
        if stamp.size != ref.size or _checksum(ref, source, stamp) != ref.sha256:
            raise changed(ref)


def check_unchanged(ref: FileRef, source: Source) -> Stamp:
    """Do the same as cheaply as can be: a file that nobody has written to is not hashed again."""
    stamp = source.stamp()
    if stamp.mark != ref.stamp:
        known = _checksums.get((ref.url, stamp.mark))
        if stamp.size != ref.size or (known or _checksum(ref, source, stamp)) != ref.sha256:
            raise changed(ref)
    return stamp


def changed(ref: FileRef) -> FileChanged:
    return FileChanged(
        f"{ref.url}: has changed since it was checked (its SHA-256 was {ref.sha256[:12]}...); "
        "nothing further of it is run. Restore it, or run it as another batch"
    )


def _checksum(ref: FileRef, source: Source, stamp: Stamp) -> str:
    digest = sha256()
    for chunk in source.chunks():
        digest.update(chunk)
    if source.stamp() != stamp:
        raise changed(ref)
    while len(_checksums) >= _REMEMBERED:
        _checksums.pop(next(iter(_checksums)), None)
    _checksums[ref.url, stamp.mark] = digest.hexdigest()
    return digest.hexdigest()
