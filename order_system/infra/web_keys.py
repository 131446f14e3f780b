"""The keys of pages and API. Each has a role, its holder's name, and a secret, or better the secret's hash
and a last day. A secret is printed only when it is made.

Plain SHA-256 is enough for the hash: our secrets have 256 random bits, so nobody finds one by trying."""

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

FORM = "role:secret or role@name:secret"
HASHED = "sha256:"
"""The prefix of a hash that stands in the place of the secret."""
SHORTEST_SECRET = 16
_KEY = re.compile(r"(?P<role>[a-z]+)(?:@(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,63}))?:(?P<secret>[!-+\--~]+)")
"""A secret is printable ASCII without spaces and commas, so that a header and a setting can hold it."""
_HASH = re.compile(r"(?P<hash>[0-9a-f]{64})(?:@(?P<last_day>\d{4}-\d\d-\d\d))?", re.ASCII)


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"


@dataclass(frozen=True)
class WebKey:
    role: Role
    name: str
    """The holder's name: it is recorded with their answers."""
    digest: bytes = field(repr=False)
    """SHA-256 of the secret. The secret itself is not kept."""
    last_day: date | None = None
    """The last day, in UTC, on which the key is good. None: it never expires."""
    plain: bool = False
    """Whether the setting has the secret itself, instead of a hash."""

    def expired(self, now: datetime) -> str | None:
        """Say that the key has expired; None while it is good."""
        over = self.last_day is not None and now.date() > self.last_day
        return f"this key was good until {self.last_day}: ask for a new one" if over else None


def new_key(role: Role, name: str | None, last_day: date) -> tuple[str, str]:
    """Make a new secret and its entry for ORDER_WEB_KEYS. Raises ValueError for an invalid name."""
    secret = secrets.token_urlsafe(32)
    holder = f"{role}@{name}" if name else role
    entry = f"{holder}:{HASHED}{hashlib.sha256(secret.encode()).hexdigest()}@{last_day}"
    parse_keys(entry)
    return secret, entry


def parse_keys(text: str) -> tuple[WebKey, ...]:
    """Parse `viewer:...,operator@ada:...`. Raises ValueError, which never repeats the text."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise ValueError("names no key")
    keys = tuple(_parsed(number, part) for number, part in enumerate(parts, 1))
    if len({key.digest for key in keys}) != len(keys):
        raise ValueError("two keys have the same secret")
    return keys


def _parsed(number: int, part: str) -> WebKey:
    found = _KEY.fullmatch(part)
    if found is None or found["role"] not in set(Role):
        raise ValueError(f"key {number} is not {FORM} with a role that is {' or '.join(Role)}")
    role, secret = Role(found["role"]), found["secret"]
    name = found["name"] or role.value
    if secret.startswith(HASHED):
        hashed = _HASH.fullmatch(secret, len(HASHED))
        try:
            last_day = date.fromisoformat(hashed["last_day"]) if hashed and hashed["last_day"] else None
        except ValueError:
            hashed = last_day = None
        if hashed is None:
            raise ValueError(
                f"the hash of key {number} is not {HASHED} and 64 of 0-9 and a-f, or @ and a day"
            )
        return WebKey(role, name, bytes.fromhex(hashed["hash"]), last_day)
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(f"the secret of key {number} has fewer than {SHORTEST_SECRET} characters")
    return WebKey(role, name, hashlib.sha256(secret.encode()).digest(), plain=True)


def holder_of(secret: str, keys: Sequence[WebKey]) -> WebKey | None:
    """Return the key with this secret. The time taken does not tell which key it is, or whether any is."""
    digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
    matches = [key for key in keys if hmac.compare_digest(key.digest, digest)]
    return matches[0] if matches and secret else None


def is_loopback(host: str) -> bool:
    """Whether a host without port is this machine's loopback: without keys, pages and API serve only that."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
