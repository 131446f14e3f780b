"""Who changed what, by a command: a line in a file, and none between what the command says."""

import json
from pathlib import Path

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
