"""Files that are uploaded: kept whole, once, and nowhere else."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from order_system.batches.files import OrderFiles
from order_system.domain.errors import InvalidUsage, UploadFailed
from order_system.domain.order_file import FileFormat
from order_system.web import policy
from order_system.web.uploads import Uploads
from tests.fixtures.shops.batch_shop import row, write_orders

CONTENT = b"order_id,sku\r\n" * 200_000


async def pieces(content: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def kept(uploads: Uploads, name: str, file_format: FileFormat = FileFormat.CSV) -> Path:
    async with uploads.received(name, pieces(CONTENT), file_format) as file:
        return await file.keep()


async def test_a_file_is_kept_as_it_came_and_once(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "new" / "uploads")

    first = await kept(uploads, "monday")
    before = first.stat().st_ino
    again = await kept(uploads, "monday")
    other = await kept(uploads, "tuesday", FileFormat.JSONL)

    assert first.read_bytes() == CONTENT
    assert again == first == uploads.path_of("monday", hashlib.sha256(CONTENT).hexdigest())
    assert (first.stat().st_ino, first.stat().st_mode & 0o777) == (before, 0o600)
    assert other.name == "tuesday.jsonl"
    assert sorted(files_in(tmp_path)) == sorted([first, other])
    assert (tmp_path / "new" / "uploads").stat().st_mode & 0o777 == 0o700


async def test_a_file_that_is_refused_takes_no_other_along(tmp_path: Path) -> None:
    """The same bytes under the same name: one request keeps them, the others refuse them, or only plan."""
    uploads, taken = Uploads(tmp_path), asyncio.Event()

    async def refused() -> None:
        async with uploads.received("monday", pieces(CONTENT)):
            await taken.wait()

    others = [asyncio.create_task(refused()) for _ in range(3)]
    lasting, same = await asyncio.gather(kept(uploads, "monday"), kept(uploads, "monday"))
    taken.set()
    await asyncio.gather(*others)

    assert lasting == same
    assert files_in(tmp_path) == [lasting]
    assert list(tmp_path.iterdir()) == [lasting.parent]


async def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async def breaking_off() -> AsyncIterator[bytes]:
        yield CONTENT
        raise ConnectionResetError("gone")

    with pytest.raises(UploadFailed):
        async with Uploads(tmp_path).received("monday", breaking_off()):
            raise AssertionError

    assert files_in(tmp_path) == []


async def test_what_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def for_ever() -> AsyncIterator[bytes]:
        yield CONTENT
        begun.set()
        await asyncio.Event().wait()

    async def store() -> None:
        async with Uploads(tmp_path).received("monday", for_ever()):
            raise AssertionError

    storing = asyncio.create_task(store())
    await asyncio.wait_for(begun.wait(), 60)
    storing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await storing

    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    "name", ["", "..", ".hidden", "a/b", "../x", "a\\b", "a\0b", "a" * 101, "/etc/passwd"]
)
async def test_bad_names_touch_nothing(tmp_path: Path, name: str) -> None:
    uploads = Uploads(tmp_path / "uploads")

    with pytest.raises(InvalidUsage, match="is no name for a batch"):
        await kept(uploads, name)
    with pytest.raises(InvalidUsage, match="is no name for a batch"):
        uploads.path_of(name, "0" * 64)
    assert not (tmp_path / "uploads").exists()


async def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UploadFailed, match="the file cannot be kept: Not a directory"):
        await kept(Uploads(tmp_path / "file" / "uploads"), "monday")


async def test_uploads_are_read_though_their_folder_is_hidden(tmp_path: Path) -> None:
    folder = tmp_path / ".data" / "uploads"
    files = OrderFiles([str(folder), str(tmp_path)])
    content = write_orders(tmp_path / "orders.csv", [row("U-1")]).read_bytes()
    async with Uploads(folder).received("monday", pieces(content)) as file:
        for_now = await files.inspect(str(file.path))
        lasting = await files.inspect(str(await file.keep()))

    assert for_now.sha256 == lasting.sha256 == file.sha256


async def test_what_a_killed_process_left_is_swept_away_and_what_goes_on_is_not(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    lasting = await kept(uploads, "monday")
    async with (
        uploads.received("monday", pieces(CONTENT)) as left,
        uploads.received("monday", pieces(CONTENT)) as going_on,
    ):
        old = time.time() - 2 * policy.UPLOAD_WITHIN.total_seconds() - 1
        for path in (left.path.parent, lasting.parent, lasting):
            os.utime(path, (old, old))

        uploads.sweep()
        Uploads(tmp_path / "not-there").sweep()

        assert sorted(files_in(tmp_path)) == sorted([going_on.path, lasting])
        assert not left.path.parent.exists()
