"""Keeps uploaded files of orders below ORDER_DATA_DIR, where workers read them.

A file's path is made of its content's hash, its batch's name and its format, and of nothing else that was
sent. So no name leads outside the folder, and a file sent twice for a batch is kept once. A file appears
there only when it is complete and taken. Until then its request alone has it: what is refused is deleted, and
nobody else's file.
"""

import asyncio
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
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
FOR_NOW = "for-now-"
"""The prefix of a folder that is deleted when its request ends."""


@dataclass(frozen=True)
class Upload:
    path: Path
    """Where it is while its request lasts."""
    sha256: str
    _lasting: Path

    async def keep(self) -> Path:
        """Keep the file, and return where. A batch may use it: no request deletes it. Raises UploadFailed."""
        with _as_upload_failed():
            await asyncio.to_thread(_put, self.path, self._lasting)
        return self._lasting


class Uploads:
    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    @asynccontextmanager
    async def received(
        self, name: str, chunks: AsyncIterable[bytes], file_format: FileFormat = FileFormat.CSV
    ) -> AsyncGenerator[Upload]:
        """Have a file for the batch of this name, for the length of the block; `keep` keeps it. Raises
        InvalidUsage for a bad name, UploadFailed if it cannot be written, and whatever the chunks raise."""
        check_new_batch_name(name)
        with _as_upload_failed():
            self._folder.mkdir(0o700, parents=True, exist_ok=True)
            own = Path(tempfile.mkdtemp(prefix=FOR_NOW, dir=self._folder))
        try:
            path = own / _file_name(name, file_format)
            with _as_upload_failed():
                path.touch(0o600)
                sha256 = await _written(path, chunks)
            yield Upload(path, sha256, self._folder / sha256 / path.name)
        finally:
            shutil.rmtree(own, ignore_errors=True)

    def path_of(self, name: str, sha256: str, file_format: FileFormat = FileFormat.CSV) -> Path:
        """Return the path of a file that was kept, to run it after its plan was shown. Raises InvalidUsage
        for a bad name, and if there is no such file."""
        check_batch_name(name)
        path = self._folder / sha256 / _file_name(name, file_format)
        if len(sha256) != 64 or not sha256.isalnum() or not path.is_file():
            raise InvalidUsage("that file is not here any more: upload it again")
        return path

    def sweep(self) -> None:
        """Delete what a killed process has left: anything older than an upload and its plan can be."""
        oldest = time.time() - 2 * policy.UPLOAD_WITHIN.total_seconds()
        for path in self._folder.glob(f"{FOR_NOW}*"):
            with suppress(FileNotFoundError):  # another process may sweep, too
                if path.stat().st_mtime < oldest:
                    shutil.rmtree(path)


def _file_name(name: str, file_format: FileFormat) -> str:
    return f"{name}.{'jsonl' if file_format is FileFormat.JSONL else 'csv'}"


@contextmanager
def _as_upload_failed() -> Generator[None]:
    try:
        yield
    except OSError as failure:
        raise UploadFailed(f"the file cannot be kept: {failure.strerror}") from failure


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


def _put(path: Path, lasting: Path) -> None:
    """Give the file its lasting name, too, once all of it is on disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    while path.exists() and not lasting.exists():
        with suppress(FileExistsError):  # `exist_ok` would look again, when the folder may be gone
            lasting.parent.mkdir()
        with suppress(FileExistsError, FileNotFoundError):  # another request keeps the same, or forgets it
            lasting.hardlink_to(path)  # unlike a rename, this replaces nothing


def reading_of(
    file_format: FileFormat, mapping: str | None, profile: str | None, encoding: str | None
) -> HowToRead:
    """Return how to read a file, as a request asks; its texts may be blank. Raises InvalidUsage."""
    return {
        "file_format": file_format,
        "mapping": parse_mapping(mapping) if mapping else None,
        "profile": parse_profile(profile) if profile and profile.strip() else None,
        "encoding": encoding or None,
    }


async def inspected(services: Services, path: Path, name: str, reading: HowToRead) -> FileRef:
    """Inspect an uploaded file. Raises FileRefused, InvalidUsage; errors do not tell its path."""
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
