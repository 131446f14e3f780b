"""Whether a file still holds what its reference says."""

from collections.abc import Sequence
from hashlib import sha256

from order_system.batch_files.inspection import chunks_from
from order_system.batch_files.references import FileChanged, FileRef
from order_system.batch_files.sources import GotOn, Source, Stamp, open_source

_REMEMBERED = 100

_checksums: dict[tuple[str, str], str] = {}
"""URL and stamp -> SHA-256 of what this process has hashed. It spares a worker whose copy of the file has
another stamp than the reference's from hashing it again for every page."""


def verify(ref: FileRef, roots: Sequence[str], got_on: GotOn | None = None) -> None:
    """Read all of the file and compare its SHA-256. Blocks.

    Raises FileChanged, and FileRefused if it is not there any more."""
    with open_source(ref.url, roots, got_on) as source:
        stamp = source.stamp()
        if stamp.size != ref.size or _checksum(ref, source, stamp) != ref.sha256:
            raise changed(ref)


def check_unchanged(ref: FileRef, source: Source) -> Stamp:
    """The same as cheaply as can be: a file that nobody has written to is not hashed again."""
    stamp = source.stamp()
    if stamp.mark != ref.stamp:
        known = _checksums.get((ref.url, stamp.mark))
        if stamp.size != ref.size or (known or _checksum(ref, source, stamp)) != ref.sha256:
            raise changed(ref)
    return stamp


def changed(ref: FileRef) -> FileChanged:
    return FileChanged(
        f"{ref.url}: has changed since it was checked (its SHA-256 was {ref.sha256[:12]}...); "
        "nothing further of it is run. Restore it, or run it as another batch"
    )


def _checksum(ref: FileRef, source: Source, stamp: Stamp) -> str:
    digest = sha256()
    for chunk in chunks_from(source, 0):
        digest.update(chunk)
    if source.stamp() != stamp:
        raise changed(ref)
    while len(_checksums) >= _REMEMBERED:
        _checksums.pop(next(iter(_checksums)), None)
    _checksums[ref.url, stamp.mark] = digest.hexdigest()
    return digest.hexdigest()
