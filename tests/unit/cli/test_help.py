"""What the help of `attention` and `resolve` promises is what the commands know."""

import pytest

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
