"""Turns text into JSON documents, with a place for each mistake. It refuses what Python's `json` lets pass:
keys given twice (the last would win in silence), NaN, and numbers or nestings without limit."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from order_system.domain.card_numbers import holds_card_number

MAX_BYTES = 10_000_000
"""About 15,000 orders of two lines."""

MAX_DEPTH = 8
"""An order needs three levels."""
MAX_DIGITS = 20
"""Python itself refuses, or takes minutes over, integers of many thousand digits."""

Place = tuple[str | int, ...]
"""A place in a document: `("lines", 0, "quantity")`."""


class UnreadableText(ValueError):
    """A text that holds no readable documents; the message says why and where."""


@dataclass(frozen=True)
class Document:
    value: object = None
    line: int | None = None
    """Line in the file, from 1; None unless the file has a document on each line."""
    broken: str | None = None
    """Why this line is no document, or None if it is one."""


class RepeatedKeys(dict[str, object]):
    """An object of the document that has some keys more than once."""

    repeated: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Unusable:
    """Replaces a number in the document that nobody can mean, such as NaN."""

    reason: str


def read_documents(data: str | bytes) -> list[Document]:
    """Return the document in a text, the elements of an array, or the documents on its lines (JSON Lines).

    Raises UnreadableText if the text is not UTF-8, larger than MAX_BYTES, empty, or not JSON at all. A line
    that is not JSON is returned as a broken document, so that the other lines are still checked."""
    text = _decode(data)
    if not text.strip():
        raise UnreadableText("is empty")
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(lines) > 1 and _is_json_lines(lines[0][1], lines[1][1]):
        return [document_on_line(number, line) for number, line in lines]
    value, mistake = _parse(text)
    if mistake is not None:
        raise UnreadableText(mistake)
    if isinstance(value, list):
        return [Document(element) for element in cast("list[object]", value)]
    return [Document(value)]


def flaws(document: object) -> Iterator[tuple[Place, str]]:
    """Yield what `json` lets pass, with its place. A loop: documents may nest deeper than Python recurses."""
    pending: list[tuple[Place, object]] = [((), document)]
    while pending:
        place, value = pending.pop()
        if isinstance(value, Unusable):
            yield place, value.reason
        children: list[tuple[str | int, object]] = []
        if isinstance(value, dict):
            children = list(cast("dict[str, object]", value).items())
        elif isinstance(value, list):
            children = list(enumerate(cast("list[object]", value)))
        if isinstance(value, RepeatedKeys):
            yield from (((*place, key), "is given more than once") for key in sorted(value.repeated))
        if children and len(place) >= MAX_DEPTH:
            yield place, "is nested too deeply"
        else:
            pending.extend(((*place, key), child) for key, child in children)


def spell(place: Place) -> str:
    """Return a place as a person writes it: `lines[0].quantity`. A key with a card number is not shown."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{_spell_key(str(part))}]"
        else:
            text += f".{_spell_key(part)}" if text else _spell_key(part)
    return text


def _spell_key(key: str) -> str:
    if len(key) > 40:
        return "(a long name)"
    if holds_card_number(key):
        return "(a card number)"
    return key if re.fullmatch(r"\w+", key, re.ASCII) else json.dumps(key)


def _decode(data: str | bytes) -> str:
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if len(raw) > MAX_BYTES:
        raise UnreadableText(f"is larger than {MAX_BYTES // 1_000_000} MB; split it into several files")
    mistake: str
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        mistake = f"is not UTF-8 text (line {line}); save it as UTF-8"
    raise UnreadableText(mistake)


def _is_json_lines(first: str, second: str) -> bool:
    """Decide by the first two lines: a pretty-printed object never opens another on its second line, nor is
    complete on its first. If both lines are broken, neither can be said."""
    if not first.lstrip().startswith("{"):
        return False
    return second.lstrip().startswith("{") or _parse(first)[1] is None


def document_on_line(number: int, line: str) -> Document:
    value, mistake = _parse(line, of_one_line=True)
    return Document(value, line=number, broken=mistake)


def _parse(text: str, *, of_one_line: bool = False) -> tuple[object, str | None]:
    """Return the value, or why there is none. Raises nothing: json's errors hold the whole document."""
    try:
        return _DECODER.decode(text), None
    except json.JSONDecodeError as error:
        where = f"column {error.colno}" if of_one_line else f"line {error.lineno}, column {error.colno}"
        what = _EXTRA_DATA if error.msg == "Extra data" else error.msg
        return None, f"is not valid JSON at {where}: {what}"
    except RecursionError:
        return None, "is not an order: nested too deeply"


_EXTRA_DATA = "the document has ended; several orders go into one array, or each on a line of its own"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, object]:
    fields: dict[str, object] = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    marked = RepeatedKeys(fields)
    marked.repeated = frozenset(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
    return marked


def _integer(digits: str) -> int | Unusable:
    return int(digits) if len(digits) <= MAX_DIGITS else Unusable("is a number of absurd length")


def _constant(name: str) -> Unusable:
    return Unusable(f"must not be {name}")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_constant=_constant)
