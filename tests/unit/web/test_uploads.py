"""Files that are uploaded: kept whole, once, and nowhere else."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from order_system.batches.files import OrderFiles
from order_system.domain.errors import InvalidOrder, InvalidUsage, UploadFailed
from order_system.domain.order_file import FileFormat
from order_system.web import policy
from order_system.web.uploads import UNFINISHED, Uploads
from tests.fixtures.shops.batch_shop import row, write_orders

CONTENT = b"order_id,sku\r\n" * 200_000


async def pieces(content: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_file_is_kept_as_it_came_and_once(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "new" / "uploads")

    first = await uploads.store("monday", pieces(CONTENT))
    again = await uploads.store("monday", pieces(CONTENT, 7_000))
    other = await uploads.store("tuesday", pieces(CONTENT), FileFormat.JSONL)

    assert first.path.read_bytes() == CONTENT
    assert first.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert (first.is_new, again.is_new, other.is_new) == (True, False, True)
    assert again.path == first.path == uploads.path_of("monday", first.sha256)
    assert other.path.name == "tuesday.jsonl"
    again.discard()
    assert first.path.exists()
    first.discard()
    assert files_in(tmp_path) == [other.path]


async def test_the_same_file_at_once_is_new_to_one(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    stored = await asyncio.gather(*(uploads.store("monday", pieces(CONTENT)) for _ in range(6)))

    assert sum(upload.is_new for upload in stored) == 1
    assert len(files_in(tmp_path)) == 1


async def test_what_is_kept_for_now_is_nobody_elses(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    lasting, *for_now = await asyncio.gather(
        uploads.store("monday", pieces(CONTENT)),
        *(uploads.store("monday", pieces(CONTENT), for_now=True) for _ in range(3)),
    )

    assert len({upload.path for upload in (lasting, *for_now)}) == 4
    for upload in for_now:
        upload.discard()
    assert files_in(tmp_path) == [lasting.path]
    assert list(tmp_path.iterdir()) == [lasting.path.parent]


async def test_storing_and_discarding_at_once_loses_nobodys_file(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)

    async def refused() -> None:
        (await uploads.store("refused", pieces(CONTENT))).discard()

    kept, *_ = await asyncio.gather(uploads.store("monday", pieces(CONTENT)), *(refused() for _ in range(8)))

    assert files_in(tmp_path) == [kept.path]


async def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async def breaking_off() -> AsyncIterator[bytes]:
        yield CONTENT
        raise ConnectionResetError("gone")

    with pytest.raises(UploadFailed):
        await Uploads(tmp_path).store("monday", breaking_off())

    assert files_in(tmp_path) == []


async def test_what_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def for_ever() -> AsyncIterator[bytes]:
        yield CONTENT
        begun.set()
        await asyncio.Event().wait()

    storing = asyncio.create_task(Uploads(tmp_path).store("monday", for_ever()))
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
        await uploads.store(name, pieces(CONTENT))
    with pytest.raises(InvalidUsage, match="is no name for a batch"):
        uploads.path_of(name, "0" * 64)
    assert not (tmp_path / "uploads").exists()


async def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UploadFailed, match="the file cannot be kept: Not a directory"):
        await Uploads(tmp_path / "file" / "uploads").store("monday", pieces(CONTENT))


async def test_uploads_are_read_though_their_folder_is_hidden_and_what_is_unfinished_is_not(
    tmp_path: Path,
) -> None:
    folder = tmp_path / ".data" / "uploads"
    uploads, files = Uploads(folder), OrderFiles([str(folder), str(tmp_path)])
    content = write_orders(tmp_path / "orders.csv", [row("U-1")]).read_bytes()
    upload = await uploads.store("monday", pieces(content))
    unfinished = folder / f"{UNFINISHED}x"
    unfinished.write_bytes(content)

    assert (await files.inspect(str(upload.path))).sha256 == upload.sha256
    with pytest.raises(InvalidOrder, match="hidden files"):
        await files.inspect(str(unfinished))


async def test_what_was_kept_for_now_by_a_killed_process_is_swept_away_too(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    left = await uploads.store("monday", pieces(CONTENT), for_now=True)
    going_on = await uploads.store("monday", pieces(CONTENT), for_now=True)
    lasting = await uploads.store("monday", pieces(CONTENT))
    old = time.time() - policy.UPLOAD_WITHIN.total_seconds() - 1
    for path in (left.path.parent, lasting.path.parent, lasting.path):
        os.utime(path, (old, old))

    uploads.sweep()

    assert sorted(files_in(tmp_path)) == sorted([going_on.path, lasting.path])
    assert not left.path.parent.exists()


def test_what_a_killed_process_left_is_swept_away_and_what_goes_on_is_not(tmp_path: Path) -> None:
    left, going_on = tmp_path / f"{UNFINISHED}old", tmp_path / f"{UNFINISHED}new"
    for path in (left, going_on):
        path.write_bytes(b"x")
    old = time.time() - policy.UPLOAD_WITHIN.total_seconds() - 1
    os.utime(left, (old, old))

    Uploads(tmp_path).sweep()
    Uploads(tmp_path / "not-there").sweep()

    assert files_in(tmp_path) == [going_on]
