"""The key ring that ORDER_KEYS names: the newest key seals, and every key opens.

`open_ring` returns this process's ring, or None without ORDER_KEYS. `Keys.all()` lists the keys in the order
in which they are written. The last one whose time has come (`Key.seals_from`) is the newest (`Keys.sealing`).
In a file, `KeyFile.add()` makes a key and `KeyFile.remove(key_id)` destroys one; other processes see both
with their next payload."""

import base64
import fcntl
import logging
import os
import re
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from secrets import token_bytes
from typing import Protocol, Self

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from order_system.domain.errors import InvalidSettings, KeyTrouble
from order_system.infra import policy
from order_system.infra.process import STARTER

_ENTRY = re.compile(r"(?P<id>[A-Za-z0-9][A-Za-z0-9._-]{0,31}):(?P<key>[A-Za-z0-9+/]{43}=)")
_A_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_TAKES = "ID:KEY, the key 32 random bytes in base64 (`openssl rand -base64 32`)"

SEALED = "binary/encrypted"
"""The encoding that a sealed payload names, as in Temporal's own examples."""

NO_SUCH_KEY = "ORDER_KEYS has no such key, or no more"

log = logging.getLogger(__name__)


class KeyRing(Protocol):
    """The interface of a plug-in for a KMS. It is asked for every payload, so it remembers what its KMS has
    said. Any exception from it makes the payload's task wait and be tried again."""

    async def newest(self) -> tuple[str, bytes]:
        """Return ID and 32 bytes of the key that seals from now on."""
        ...

    async def key(self, key_id: str) -> bytes | None:
        """Return the key's 32 bytes; None if there is no such key, or no longer."""
        ...


class KeySettings(BaseModel):
    """The part of `Settings` about the keys that seal payloads."""

    keys: SecretStr | None = Field(
        None,
        description=f"what seals all that the Temporal server is told: {_TAKES}, several separated by "
        "commas, the newest last; or a path of a file with one a line; or a plug-in as module:factory",
    )
    keys_monthly: bool = Field(
        False,
        description="true or false (whether each month begins with a new key, which whoever seals first then "
        "writes into the file of ORDER_KEYS; all processes must share it)",
    )

    @property
    def key_file(self) -> Path | None:
        told = self.keys.get_secret_value() if self.keys else ""
        return Path(told).absolute() if told and ":" not in told else None

    @field_validator("keys")
    @classmethod
    def _readable(cls, value: SecretStr | None) -> SecretStr | None:
        told = value.get_secret_value() if value else ""
        if ":" in told and not _A_FACTORY.fullmatch(told):
            parse(told)
        return value

    @model_validator(mode="after")
    def _monthly_in_a_file(self) -> Self:
        if self.keys_monthly and self.key_file is None:
            raise ValueError("ORDER_KEYS_MONTHLY needs the path of a file in ORDER_KEYS")
        return self


@dataclass(frozen=True)
class Key:
    id: str
    secret: bytes = field(repr=False)

    @cached_property
    def seals_from(self) -> datetime | None:
        """The beginning (UTC) of the month, day or second that the ID names, such as 2026-11, so that a key
        can be handed out early. None for any other ID: such a key seals at once."""
        for moment in (self.id, f"{self.id}-01"):
            with suppress(ValueError):
                return datetime.fromisoformat(moment).replace(tzinfo=UTC)
        return None


def parse(text: str) -> tuple[Key, ...]:
    """Parse `ID:KEY` by commas or lines; `#` begins a comment. The ValueError it raises repeats no key."""
    lines = (line.partition("#")[0].strip() for line in text.replace(",", "\n").splitlines())
    found: list[Key] = []
    for number, entry in enumerate(filter(None, lines), 1):
        if (one := _ENTRY.fullmatch(entry)) is None:
            raise ValueError(f"key {number} is not {_TAKES}")
        found.append(Key(one["id"], base64.b64decode(one["key"])))
    if len({key.id for key in found}) < len(found) or len({key.secret for key in found}) < len(found):
        raise ValueError("two keys have the same ID, or are the same")
    return tuple(found)


class Keys:
    def __init__(self, listed: Sequence[Key]) -> None:
        self._listed = tuple(listed)

    def all(self) -> tuple[Key, ...]:
        return self._listed

    def sealing(self) -> Key:
        """Return the newest key. Raises KeyTrouble if there is none."""
        now = datetime.now(UTC)
        begun = [key for key in self.all() if key.seals_from is None or key.seals_from <= now]
        if not begun:
            raise KeyTrouble("there is no key whose time has come")
        return begun[-1]

    async def newest(self) -> tuple[str, bytes]:
        key = self.sealing()
        return key.id, key.secret

    async def key(self, key_id: str) -> bytes | None:
        return next((key.secret for key in self.all() if key.id == key_id), None)


class KeyFile(Keys):
    """Keys in a file. It is read again whenever it has changed, so no process need be restarted."""

    def __init__(self, path: Path, *, monthly: bool = False) -> None:
        super().__init__(())
        self.path = path
        self._monthly = monthly
        self._read: tuple[int, ...] = ()
        self._again_at = 0.0

    def all(self) -> tuple[Key, ...]:
        """Return the file's keys. Raises KeyTrouble if it cannot be read, or has none any more: somebody puts
        another in its place just now, and a key of the month that is made meanwhile would be lost."""
        try:
            found = self.path.stat()
            seen = (found.st_mtime_ns, found.st_size, found.st_ino)
            listed = self._listed if self._read == seen else parse(self.path.read_text())
        except FileNotFoundError:
            listed, seen = (), ()
        except (OSError, ValueError) as trouble:
            told = getattr(trouble, "strerror", None) or trouble
            raise KeyTrouble(f"the key file {self.path} cannot be read: {told}") from None
        if self._listed and not listed:
            raise KeyTrouble(f"the key file {self.path} has no key any more: put it back")
        self._listed, self._read = listed, seen
        return listed

    def sealing(self) -> Key:
        month = f"{datetime.now(UTC):%Y-%m}"
        due = self._monthly and not any(key.id.startswith(month) for key in self.all())
        if due and time.monotonic() >= self._again_at:
            try:
                self.add(month)
            except OSError as trouble:
                log.warning("the key of %s cannot be written, the last one goes on: %s", month, trouble)
                self._again_at = time.monotonic() + policy.KEY_AGAIN.total_seconds()
        return super().sealing()

    def add(self, key_id: str | None = None) -> Key:
        """Add a key, and return it. It seals from now on or, if its ID says so, later. Without `key_id` the
        ID is the month or, if that has a key, the time. A key that has the ID already, made by another
        process say, is returned. Raises OSError, and ValueError for a text that cannot be an ID."""
        with self._alone() as before:
            now = datetime.now(UTC)
            first = not any(key.id.startswith(f"{now:%Y-%m}") for key in before)
            key = Key(key_id or (f"{now:%Y-%m}" if first else f"{now:%Y-%m-%dT%H%M%S}"), token_bytes(32))
            same = next((other for other in before if other.id == key.id), None)
            if same is None:
                self._write((*before, key))
            return same or key

    def remove(self, key_id: str) -> None:
        """Destroy the key: what it has sealed can never be read again. Raises OSError."""
        with self._alone() as before:
            self._write([key for key in before if key.id != key_id])

    @contextmanager
    def _alone(self) -> Generator[tuple[Key, ...]]:
        """Yield the keys, which no other process changes meanwhile."""
        with self.path.with_name(f"{self.path.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self.all()

    def _write(self, keys: Iterable[Key]) -> None:
        """Write all keys or none, and onto the disk before a new key seals anything."""
        text = "".join(f"{key.id}:{base64.b64encode(key.secret).decode()}\n" for key in keys)
        parse(text)  # raises if an ID is invalid
        complete = self.path.with_name(f"{self.path.name}.new")
        with os.fdopen(os.open(complete, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        complete.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def open_ring(settings: KeySettings) -> KeyRing | None:
    """Return this process's key ring; None without ORDER_KEYS. Raises InvalidSettings."""
    told = settings.keys.get_secret_value() if settings.keys else ""
    try:
        if settings.key_file:
            file = KeyFile(settings.key_file, monthly=settings.keys_monthly)
            file.sealing()
            return file
        if _A_FACTORY.fullmatch(told):
            module, _, factory = told.partition(":")
            return getattr(import_module(module), factory)()
    except (KeyTrouble, ImportError, AttributeError) as trouble:
        raise InvalidSettings(f"ORDER_KEYS: {trouble}. `{STARTER} keys new` makes a key in a file.") from None
    return Keys(parse(told)) if told else None
