"""Files that commands write: by two of them at once, and on a disk that is full."""

import errno
import resource
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from order_system.cli.ending import run_to_exit_code
from order_system.cli.options import ATTENTION
from order_system.cli.screen import written_whole
from order_system.domain.errors import InvalidUsage


def test_two_commands_that_write_one_file_at_once_each_write_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    with written_whole(path) as first:
        first.write("all of the first\n")
        with written_whole(path) as second:
            second.write("all of the second")
        assert path.read_text() == "all of the second"
        first.write("and more of it\n")
    assert path.read_text() == "all of the first\nand more of it\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("is_new", [False, True])
def test_a_disk_that_is_full_leaves_nothing_in_the_way_of_the_same_command(
    tmp_path: Path, *, is_new: bool
) -> None:
    path = tmp_path / "shop.toml"

    def write(text: str) -> None:
        with written_whole(path, is_new=is_new) as file:
            file.write(text)

    with full_disk(), pytest.raises(InvalidUsage, match="cannot be written"):
        write("a" * 1_000)
    assert list(tmp_path.iterdir()) == []
    write("a" * 1_000)
    with pytest.raises(InvalidUsage, match="File exists") if is_new else nullcontext():
        write("b")
    assert path.read_text() == ("a" * 1_000 if is_new else "b")
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_as_what_it_is_wherever_it_is_met(capsys: pytest.CaptureFixture[str]) -> None:
    """For example by `starter.py orders --json > FILE`."""

    async def orders() -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert run_to_exit_code(orders) == ATTENTION
    assert capsys.readouterr().err == "starter.py: not all could be written: No space left on device\n"


@contextmanager
def full_disk() -> Generator[None]:
    """Nothing writes more than a few bytes into a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
