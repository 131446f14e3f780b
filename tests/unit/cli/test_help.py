"""What the help of `attention` and `resolve` promises is what the commands know, and every help fits."""

import inspect
from collections.abc import Iterator

import pytest
from cyclopts import App

from order_system.attention.concerns import ConcernKind
from order_system.cli.app import app
from order_system.cli.help import text_of
from order_system.domain.steps import Step


def test_attention_explains_each_kind_that_it_may_list() -> None:
    assert [kind for kind in ConcernKind if f"\n  {kind}" not in text_of("attention")] == []


def test_resolve_explains_each_step_that_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    app["resolve"].help_print([])
    explained = capsys.readouterr().out.split("[choices")[0]
    assert [step for step in Step if step not in explained] == []


def texts(of: App) -> Iterator[str]:
    yield inspect.cleandoc(of.help or "")
    for name in of:
        yield from texts(of[name]) if not name.startswith("-") else ()


def test_no_terminal_of_80_columns_breaks_a_line_that_is_not_the_last_of_its_paragraph() -> None:
    paragraphs = [part.splitlines() for text in texts(app) for part in text.split("\n\n")]
    assert len(paragraphs) > 40
    assert [line for lines in paragraphs for line in lines[:-1] if len(line) > 79] == []
