"""The pages' colours, light and dark: words can be told from what they stand on (WCAG 2, level AA)."""

import re
from itertools import product
from pathlib import Path

import pytest

from order_system.web import pages

TOKENS = (Path(pages.__file__).parents[1] / "static" / "tokens.css").read_text(encoding="utf-8")
LEAST_CONTRAST = 4.5
GROUNDS = ("ground", "surface", "raised")
TONES = ("running", "good", "bad", "cancelled", "attention", "terminated", "idle", "undo")

_LIGHT, _DARK = TOKENS.split("@media (prefers-color-scheme: dark)")
COLOURS = {
    name: dict(re.findall(r"--([a-z-]+): #([0-9a-f]{6});", part))
    for name, part in (("light", _LIGHT), ("dark", _DARK))
}


def brightness(colour: str) -> float:
    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[at : at + 2], 16)) for at in (0, 2, 4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, bright = sorted((brightness(one), brightness(other)))
    return (bright + 0.05) / (dark + 0.05)


def test_black_on_white_is_as_far_apart_as_can_be() -> None:
    assert contrast("000000", "ffffff") == pytest.approx(21)


def test_both_schemes_name_the_same_colours() -> None:
    assert set(COLOURS["light"]) == set(COLOURS["dark"])
    assert {*GROUNDS, *TONES, *(f"{tone}-soft" for tone in TONES)} <= set(COLOURS["light"])


@pytest.mark.parametrize("scheme", COLOURS)
def test_words_can_be_read(scheme: str) -> None:
    colours = COLOURS[scheme]
    pairs = [
        *product(("text", "muted"), GROUNDS),
        *(("accent", ground) for ground in ("ground", "surface", "accent-soft")),
        *((tone, ground) for tone in TONES for ground in ("surface", f"{tone}-soft")),
        ("on-accent", "accent"),
        ("surface", "bad"),  # the button that does what cannot be taken back
        ("surface", "attention"),  # how many wait
    ]
    too_close = {
        f"{words} on {ground}": round(ratio, 2)
        for words, ground in pairs
        if (ratio := contrast(colours[words], colours[ground])) < LEAST_CONTRAST
    }
    assert too_close == {}
