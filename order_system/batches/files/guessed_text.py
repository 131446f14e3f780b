"""What the bytes of a file that nobody has described may mean: its encoding, and the rows of its table."""

import csv
import re
from contextlib import suppress

ENCODINGS = ("cp1252", "cp1250", "cp850", "mac_roman")
"""What bytes may mean that are not UTF-8. Not latin-1: whatever the bytes are, they would be text in it."""
SEPARATORS = ",;\t|"
MAX_WORDS = 5
"""Shown of those that two encodings read differently."""


def likeliest_encoding(text: bytes) -> tuple[str, str]:
    """The likeliest, and a comment on what the next one would make of the words."""
    with suppress(UnicodeDecodeError):
        text.decode()
        return "utf-8", ""
    words = dict.fromkeys(re.findall(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*", text))
    readings = {name: [word.decode(name, "replace") for word in words] for name in ENCODINGS}
    first, *others = sorted(ENCODINGS, key=lambda name: -sum(map(_is_spelt_well, readings[name])))
    for other in others:
        pairs = zip(readings[first], readings[other], strict=True)
        if differ := [f"{one} or {two}" for one, two in pairs if one != two][:MAX_WORDS]:
            return first, f"  # or {other}? That reads {', '.join(differ)}"
    return first, ""


def _is_spelt_well(word: str) -> bool:
    return word.isalpha() and (word.islower() or word.istitle() or word.isupper())


def as_table(text: str) -> tuple[str, list[list[str]]]:
    """The separator by which most rows are as long as the header, and these rows."""
    lines = re.sub(r"\A\s*(?:sep=.\s+)?", "", text.removeprefix("\ufeff").replace("\0", "")).splitlines()
    tables = {sign: list(filter(any, csv.reader(lines, delimiter=sign))) or [[]] for sign in SEPARATORS}

    def agreement(separator: str) -> tuple[int, int]:
        width = len(tables[separator][0])
        return (width > 1) * sum(len(row) == width for row in tables[separator]), width

    separator = max(SEPARATORS, key=agreement)
    return separator, tables[separator]
