"""A picture on a terminal that is renewed, and what is said meanwhile."""

import io
import sys
from threading import Event

import pytest
from rich.text import Text

from order_system.cli.screen import Screen

PICTURE = "first line\nsecond line"
ERASED = "\r\x1b[2K\x1b[1A\x1b[2K"
"""Two lines are, and the cursor is back where they began."""


class Terminal(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.has_the_picture = Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if PICTURE in text:
            self.has_the_picture.set()
        return super().write(text)


@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_said_beside_a_picture_stands_above_it(
    monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    terminal, screen = Terminal(), Screen(as_json=as_json)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr" if as_json else "stdout", terminal)
    with screen.updating() as show:
        show(Text(PICTURE), "")
        assert terminal.has_the_picture.wait(timeout=10)
        screen.say("no worker takes work")
    assert f"{PICTURE}{ERASED}no worker takes work\n{PICTURE}" in terminal.getvalue()
