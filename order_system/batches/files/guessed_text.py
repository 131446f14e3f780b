"""Guesses what the bytes of a file without a profile mean: its encoding, and the rows of its table."""

import csv
import re
import unicodedata
from contextlib import suppress

ENCODINGS = ("cp1252", "cp1254", "cp1250", "cp850", "mac_roman", "cp1251", "cp1253")
"""Encodings of bytes that are not UTF-8. Latin-1 is not among them: any bytes would be text in it."""
EVERYDAY = {"cp949": (0xB0, 0xC8), "gb18030": (0xB0, 0xD7), "cp950": (0xA4, 0xC6), "cp932": (0x81, 0x98)}
"""Encodings with two bytes a letter -> the first byte, lowest and highest, of letters in daily use."""
SEPARATORS = ",;\t|"
_LETTER = r"[^\W\d_\x00-\x7f]"
_SIGNS = "\u20ac\u00a3\u00a5\u00a0\u2018\u2019\u201c\u201d\u2013\u2014\u2026\u00b0\u00ae\u2122"
_MISSPELT = re.compile(r"^[\u00c0-\u024f]{3,}$|(?<=[^\W\d_])[\u00fe\u00de]")
MAX_WORDS = 5
"""The most words that are shown of those that two encodings read differently."""
MANY_WORDS = 20
"""So many words are not all in daily use in two languages by chance."""


def likeliest_encoding(text: bytes) -> tuple[str, str]:
    """Return the likeliest encoding, and a comment on what the next one would make of the words."""
    with suppress(UnicodeDecodeError):
        text.decode()
        return "utf-8", ""
    words = dict.fromkeys(re.findall(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*", text))
    names = [*ENCODINGS, *EVERYDAY]
    readings = {name: [word.decode(name, "replace") for word in words] for name in names}
    spelt_well = {name: sum(map(_is_spelt_well, readings[name])) for name in ENCODINGS}
    everyday = [name for name in EVERYDAY if _is_everyday(text, name)]
    if everyday and max(spelt_well.values()) < len(words) and not _is_nearly_utf8(text):
        first, *others = everyday[: 1 if len(words) > MANY_WORDS else None]
    else:
        first, *others = sorted(ENCODINGS, key=lambda name: -spelt_well[name])
    for other in others:
        pairs = zip(readings[first], readings[other], strict=True)
        if differ := [f"{one} or {two}" for one, two in pairs if one != two][:MAX_WORDS]:
            return first, f"  # or {other}? That reads {', '.join(differ)}"
    return first, ""


def _is_nearly_utf8(text: bytes) -> bool:
    """Return whether few bytes are not UTF-8. Two bytes of Cyrillic or Greek would make a Chinese letter."""
    decoded = text.decode("utf-8", "replace")
    return decoded.count("\ufffd") < len(re.findall(_LETTER, decoded)) / 2


def _is_everyday(text: bytes, encoding: str) -> bool:
    """Return whether nine in ten letters are in daily use, and not single ones amid Latin letters."""
    low, high = EVERYDAY[encoding]
    with suppress(UnicodeDecodeError):
        decoded = text.decode(encoding)
        words = re.findall(rf"{_LETTER}{{2,}}|(?<![A-Za-z]){_LETTER}(?![A-Za-z])", decoded)
        known = [char for char in "".join(words) if low <= char.encode(encoding)[0] <= high]
        return len(known) > 0.9 * len(re.findall(_LETTER, decoded))
    return False


def _is_spelt_well(text: str) -> bool:
    """Return whether what is between signs are words of one alphabet that, if Latin, have letters that
    English has, too. No word has Icelandic's \u00fe inside, which in Turkish is \u015f."""
    words = [*filter(None, re.split(f"[{_SIGNS}]|[\u00aa\u00ba]$", text))]
    alphabets = {unicodedata.name(char, "").partition(" ")[0] for char in "".join(words)}
    are_words = all(word.isalpha() and (word.islower() or word.istitle() or word.isupper()) for word in words)
    return are_words and len(alphabets) < 2 and not any(map(_MISSPELT.search, words))


def as_table(text: str) -> tuple[str, list[list[str]]]:
    """Return the separator by which most rows are as long as the header, and the rows."""
    lines = re.sub(r"\A\s*(?:sep=.\s+)?", "", text.removeprefix("\ufeff").replace("\0", "")).splitlines()
    tables = {sign: list(filter(any, csv.reader(lines, delimiter=sign))) or [[]] for sign in SEPARATORS}

    def agreement(separator: str) -> tuple[int, int]:
        width = len(tables[separator][0])
        return (width > 1) * sum(len(row) == width for row in tables[separator]), width

    separator = max(SEPARATORS, key=agreement)
    return separator, tables[separator]
