"""Opens files of orders, and no others.

Anybody who can start a batch names a file that a worker then reads. So files are opened only under the
folders or object store addresses of ORDER_FILE_ROOTS: nobody makes a worker read a system file, or fetch an
address of their own. Symlinks are followed before a path is judged. Hidden files stay closed, since the
default root is the folder where a worker runs, which holds `.env`, `.git` and our own data."""

import os
import posixpath
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import unquote

from order_system.domain.order_file import FileRefused, FileUnreachable

SETTING = "ORDER_FILE_ROOTS"
CHUNK_BYTES = 1_000_000

GotOn = Callable[[], None]
"""Called after each piece that was read, in the thread that reads."""


class Stamp(NamedTuple):
    size: int
    mark: str
    """A text that changes with every write or replacement."""


@dataclass(frozen=True)
class Source(ABC):
    """An open file. All its methods block: call them in a thread."""

    url: str
    got_on: GotOn | None

    @abstractmethod
    def stamp(self) -> Stamp: ...

    @abstractmethod
    def _read(self, offset: int, length: int) -> bytes: ...

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes, or fewer only at the end of the file."""
        piece = self._read(offset, length)
        if self.got_on is not None:
            self.got_on()
        return piece

    def chunks(self, offset: int = 0) -> Iterator[bytes]:
        """Yield all bytes from `offset` on."""
        while chunk := self.read(offset, CHUNK_BYTES):
            yield chunk
            offset += len(chunk)


@contextmanager
def open_source(url: str, roots: Sequence[str], got_on: GotOn | None = None) -> Generator[Source]:
    """Open a file. Raises FileRefused if it is outside the roots, missing, no regular file or unreadable; and
    FileUnreachable, then and later, if an object store fails."""
    if _is_remote(url):
        yield _open_remote(url, roots, got_on)
        return
    path = _allowed_path(url, roots)
    descriptor = _open_regular_file(path, url)
    try:
        yield _LocalFile(str(path), got_on, descriptor)
    finally:
        os.close(descriptor)


# --- files of this machine ------------------------------------------------------------------------


@dataclass(frozen=True)
class _LocalFile(Source):
    descriptor: int

    def stamp(self) -> Stamp:
        status = os.fstat(self.descriptor)
        # Also the time of the last change of status: nobody can set it back, unlike the modification time.
        parts = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return Stamp(status.st_size, "-".join(map(str, parts)))

    def _read(self, offset: int, length: int) -> bytes:
        parts: list[bytes] = []
        while length > 0 and (part := os.pread(self.descriptor, length, offset)):
            parts.append(part)
            offset, length = offset + len(part), length - len(part)
        return b"".join(parts)


def _allowed_path(url: str, roots: Sequence[str]) -> Path:
    """Return the path without symlinks. Outside the roots, nobody is told whether a file exists."""
    try:
        path = _local_path(url).resolve()
        folders = [_local_path(root).resolve() for root in roots if not _is_remote(root)]
    except (OSError, RuntimeError, ValueError):  # a loop of symlinks, a NUL in the name
        folders, path = [], Path()
    for folder in folders:
        if path.is_relative_to(folder):
            if any(part.startswith(".") for part in path.relative_to(folder).parts):
                raise FileRefused(f"{url}: hidden files, and files in hidden folders, are not read")
            return path
    raise _outside(url, roots)


def _local_path(url: str) -> Path:
    """Return the path that a path or a file:// URL names. Raises ValueError."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return Path(url)
    host, slash, path = rest.partition("/")
    if scheme.lower() not in ("file", "local") or host not in ("", "localhost"):
        raise ValueError("not a file of this machine")
    return Path(slash + unquote(path))


def _open_regular_file(path: Path, url: str) -> int:
    try:
        # This neither waits for the writer of a pipe, nor follows a symlink that was put there just now.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise FileRefused(f"{url}: there is no such file") from None
    except OSError as failure:
        raise FileRefused(f"{url}: cannot be read: {failure.strerror}") from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    refusal = "is a folder; name a file" if stat.S_ISDIR(mode) else "is not a regular file"
    raise FileRefused(f"{url}: {refusal}")


# --- object stores, through fsspec ----------------------------------------------------------------


@dataclass(frozen=True)
class _RemoteFile(Source):
    store: Any
    path: str
    size: int
    """The size when the file was opened."""

    def stamp(self) -> Stamp:
        with _reaching(self.url):
            self.store.invalidate_cache()
            return Stamp(int(self.store.size(self.path)), str(self.store.ukey(self.path)))

    def _read(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self.size)
        if end <= offset:
            return b""  # S3 and HTTP refuse a range that begins at the end
        with _reaching(self.url):
            return bytes(self.store.cat_file(self.path, start=offset, end=end))


@contextmanager
def _reaching(url: str) -> Generator[None]:
    """Raises FileUnreachable for all errors of a store: they have no common base class."""
    try:
        yield
    except Exception as failure:
        raise _unreachable(url, failure) from None


def _unreachable(url: str, failure: Exception) -> FileUnreachable:
    what = f"{type(failure).__name__}: {failure}".partition("\n")[0][:200]
    return FileUnreachable(f"{url}: the object store does not give it out just now ({what})")


def _open_remote(url: str, roots: Sequence[str], got_on: GotOn | None) -> _RemoteFile:
    if not any(_is_below(url, root) for root in roots if _is_remote(root)):
        raise _outside(url, roots)
    # Imported here: most workers read no object store, and the import takes a while.
    import fsspec.core  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]

    refusal: str
    try:
        store, path = fsspec.core.url_to_fs(url, use_listings_cache=False)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        # Not `isfile`: of a store that cannot be reached, it says that there is no such file.
        info = cast("dict[str, Any]", store.info(path))
        if info["type"] == "file":
            return _RemoteFile(url, got_on, store, cast("str", path), int(info["size"]))
        refusal = "is a folder; name a file"
    except FileNotFoundError:
        refusal = "there is no such file"
    except ImportError as missing:
        refusal = f"cannot be read: {missing}"
    except ValueError:
        refusal = "cannot be read: no object store is known by that address"
    except PermissionError:
        refusal = "cannot be read: permission denied"
    except Exception as failure:
        raise _unreachable(url, failure) from None
    raise FileRefused(f"{url}: {refusal}")


def _is_remote(root: str) -> bool:
    return "://" in root and not root.lower().startswith(("file://", "local://"))


def _is_below(url: str, root: str) -> bool:
    """Compare texts alone, as object stores have no symlinks. What could mean another place is refused."""
    scheme, _, path = url.partition("://")
    root_scheme, _, root_path = root.partition("://")
    # `::` chains file systems in fsspec; `@` would put a host behind what looks like one.
    suspicious = any(sign in url for sign in ("::", "\\", "@", "%", "?", "#")) or path.startswith("/")
    straight = posixpath.normpath(path) == path.rstrip("/")
    return (
        not suspicious
        and straight
        and scheme.lower() == root_scheme.lower()
        and path.startswith(root_path.rstrip("/") + "/")
    )


def _outside(url: str, roots: Sequence[str]) -> FileRefused:
    return FileRefused(
        f"{url}: is not under the folders that order files are read from ({', '.join(roots) or 'none'}); "
        f"move it there, or name its folder in {SETTING}"
    )
