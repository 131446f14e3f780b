"""Who changed what, by a command: a line in a file, and none between what the command says."""

import json
from pathlib import Path
from typing import Any

import pytest

from order_system.domain import errors
from order_system.infra.changes import noted
from tests.fixtures.processes.command_line import starter


def test_a_command_that_changes_something_is_noted_in_the_data_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    finished = starter("migrate", env={"ORDER_DATA_DIR": str(folder)})
    assert folder.stat().st_mode & 0o777 == 0o700, "it holds whatever the system knows"
    [line] = (folder / "changes.log").read_text().splitlines()
    noted = json.loads(line)
    assert "@" in noted["who"]
    assert (noted["did"], noted["outcome"]) == ("migrate", "done")
    assert noted["what"].endswith("orders.db")
    assert (finished.code, finished.err) == (0, "")


def test_where_the_file_cannot_be_written_the_line_is_in_the_log(tmp_path: Path) -> None:
    (tmp_path / "changes.log").mkdir()
    finished = starter("migrate", env={"ORDER_DATA_DIR": str(tmp_path), "ORDER_LOG_FORMAT": "json"})
    assert finished.code == 0
    assert json.loads(finished.err)["did"] == "migrate"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (errors.UnknownOrder("there is none"), "refused: there is none"),
        (errors.DatabaseUnreachable("the disk is full"), "not known yet: the disk is full"),
        (errors.ServerAway("no answer"), "not known yet: no answer"),
        (errors.NoWorkerAnswers("not confirmed"), "not known yet: not confirmed"),
    ],
)
async def test_what_may_have_been_done_all_the_same_is_not_called_refused(
    error: Exception, outcome: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An order is started before the book is asked for it."""

    @noted("submit")
    async def submit(_client: None, order_id: str) -> None:
        raise error

    with caplog.at_level("INFO", "order_system.changes"), pytest.raises(type(error)):
        await submit(None, "A-1")
    [line] = caplog.records
    told: dict[str, Any] = vars(line)
    assert (told["what"], told["outcome"]) == ("A-1", outcome)
