"""Files that are uploaded: kept in a folder of ours, each under a name that we make."""

import re
import shutil
import uuid
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from order_system.errors import InvalidUsage

_NAME = re.compile(r"[0-9a-f]{12}-[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_LONGEST_STEM = 80


def store(folder: Path, given_name: str, content: BinaryIO) -> Path:
    """Blocks. Of the name that it was given nothing is kept but letters, digits and its ending. It is there
    only when all of it is written."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex[:12]}-{_harmless(given_name)}"
    unfinished = path.with_name(f".{path.name}")
    try:
        with unfinished.open("xb") as file:
            shutil.copyfileobj(content, file)
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def path_of(folder: Path, name: str) -> Path:
    """Of a file that `store` has made. Raises InvalidUsage for a name that it cannot have made."""
    if _NAME.fullmatch(name) is None:
        raise InvalidUsage("upload is none of the files that were uploaded here")
    return folder / name


def shown_name(name: str) -> str:
    """As who uploaded it knows it."""
    return name.partition("-")[2]


def batch_name_of(name: str) -> str:
    """A name for the batch of the file, as the command line makes it."""
    return PurePosixPath(shown_name(name)).stem.strip("-._") or "orders"


def _harmless(given_name: str) -> str:
    name = PurePosixPath(given_name.replace("\\", "/"))
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", name.stem).strip("-_")[:_LONGEST_STEM] or "orders"
    ending = name.suffix.lower() if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", name.suffix) else ""
    return f"{stem}{ending}"
