"""Keeps uploaded files of orders below ORDER_DATA_DIR, where workers read them.

A file's path is made of its content's hash and its batch's name, and of nothing else that was sent. So no
name leads outside the folder, and a file sent twice is kept once. A file appears only when it is complete.
"""

import asyncio
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from order_system.batches.files import HowToRead, parse_mapping, parse_profile
from order_system.batches.reports import Plan
from order_system.domain.errors import InvalidUsage, UploadFailed
from order_system.domain.ids import check_batch_name, check_new_batch_name
from order_system.domain.order_file import FileFormat, FileRef, FileRefused, FileUnreachable
from order_system.web import policy
from order_system.web.services import Services

WRITTEN_AT_ONCE = 1_000_000
UNFINISHED = ".unfinished-"
"""The prefix of a file that is not complete yet. Hidden files are never read as orders."""
FOR_NOW = "for-now-"
"""The prefix of a folder that is deleted when its request ends."""


@dataclass(frozen=True)
class Upload:
    path: Path
    sha256: str
    is_new: bool
    """False if the same file was here before: then a batch may be using it."""

    def discard(self) -> None:
        """Delete the file, unless somebody else may be reading it."""
        if self.is_new:
            self.path.unlink(missing_ok=True)
            with suppress(OSError):  # another batch has the same file
                self.path.parent.rmdir()


class Uploads:
    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    async def store(
        self,
        name: str,
        chunks: AsyncIterable[bytes],
        file_format: FileFormat = FileFormat.CSV,
        *,
        for_now: bool = False,
    ) -> Upload:
        """Keep a file for the batch of this name. With `for_now`, keep it in a folder of its own, so that it
        can be discarded while the same file is being run. Raises InvalidUsage for a bad name, UploadFailed if
        the file cannot be kept, and whatever the chunks raise; then nothing is left behind."""
        check_new_batch_name(name)
        try:
            unfinished = await asyncio.to_thread(self._unfinished)
            try:
                sha256 = await _written(unfinished, chunks)
                of_our_own = FOR_NOW + unfinished.name.removeprefix(UNFINISHED)
                folder = self._folder / (of_our_own if for_now else sha256)
                path = folder / _file_name(name, file_format)
                is_new = await asyncio.to_thread(_put, unfinished, path)
            finally:
                unfinished.unlink(missing_ok=True)
        except OSError as failure:
            raise UploadFailed(f"the file cannot be kept: {failure.strerror}") from failure
        return Upload(path, sha256, is_new)

    def path_of(self, name: str, sha256: str, file_format: FileFormat = FileFormat.CSV) -> Path:
        """Return the path of a file that was stored, to run it after its plan was shown. Raises InvalidUsage
        for a bad name, and if there is no such file."""
        check_batch_name(name)
        path = self._folder / sha256 / _file_name(name, file_format)
        if len(sha256) != 64 or not sha256.isalnum() or not path.is_file():
            raise InvalidUsage("that file is not here any more: upload it again")
        return path

    def sweep(self) -> None:
        """Delete what a killed process has left unfinished or kept for now: anything older than an upload or
        a plan can be."""
        oldest = time.time() - policy.UPLOAD_WITHIN.total_seconds()
        for path in (*self._folder.glob(f"{UNFINISHED}*"), *self._folder.glob(f"{FOR_NOW}*")):
            with suppress(FileNotFoundError):  # another process may sweep, too
                if path.stat().st_mtime < oldest:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _unfinished(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, path = tempfile.mkstemp(prefix=UNFINISHED, dir=self._folder)
        os.close(handle)
        return Path(path)


def _file_name(name: str, file_format: FileFormat) -> str:
    return f"{name}.{'jsonl' if file_format is FileFormat.JSONL else 'csv'}"


async def _written(path: Path, chunks: AsyncIterable[bytes]) -> str:
    """Write the chunks, off the event loop, and return their SHA-256."""
    digest, waiting = hashlib.sha256(), bytearray()

    def write(content: bytes) -> None:
        digest.update(content)
        with path.open("ab") as file:
            file.write(content)

    async for chunk in chunks:
        waiting += chunk
        if len(waiting) >= WRITTEN_AT_ONCE:
            await asyncio.to_thread(write, bytes(waiting))
            waiting.clear()
    await asyncio.to_thread(write, bytes(waiting))
    return digest.hexdigest()


def _put(unfinished: Path, path: Path) -> bool:
    """Give the file its name once all of it is on disk. Returns whether it was not there before."""
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    while True:
        with suppress(FileExistsError):  # `exist_ok` would look again, when the folder may be gone
            path.parent.mkdir()
        try:
            path.hardlink_to(unfinished)  # unlike a rename, this replaces nothing
        except FileExistsError:
            return False
        except FileNotFoundError:  # another request has just discarded the same file, and its folder
            if not unfinished.exists():
                raise
            continue
        return True


# --- from an upload to a plan ---------------------------------------------------------------------


def reading_of(
    file_format: FileFormat, mapping: str | None, profile: str | None, encoding: str | None
) -> HowToRead:
    """Return how to read a file, as a request asks; its texts may be blank. Raises InvalidMapping."""
    return {
        "file_format": file_format,
        "mapping": parse_mapping(mapping) if mapping else None,
        "profile": parse_profile(profile) if profile and profile.strip() else None,
        "encoding": encoding or None,
    }


async def inspected(services: Services, path: Path, name: str, reading: HowToRead) -> FileRef:
    """Inspect an uploaded file. Raises FileRefused, InvalidMapping; errors do not tell its path."""
    try:
        return await services.files.inspect(str(path), **reading)
    except (FileRefused, InvalidUsage) as refused:
        raise type(refused)(str(refused).replace(str(path), name)) from None
    except FileUnreachable:
        raise FileUnreachable("the file cannot be read just now") from None


async def planned(services: Services, file: FileRef) -> Plan:
    plan = Plan(file)
    async for _, so_far in services.batches.plan(file):
        plan = so_far
    return plan
