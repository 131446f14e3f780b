"""The keys of pages and API: a role, a name for who holds it, and its secret, or better its hash and last
day. Only what makes a secret ever prints it.

Plain SHA-256 does for a hash: our secrets are drawn from 2^256, so nobody finds one by trying, however fast.
"""

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
"""Before a hash, where else the secret stands."""
SHORTEST_SECRET = 16
_KEY = re.compile(r"(?P<role>[a-z]+)(?:@(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,63}))?:(?P<secret>[!-+\--~]+)")
"""A secret is of printable ASCII without spaces and commas, so that a header and a setting can hold it."""
_HASH = re.compile(r"(?P<hash>[0-9a-f]{64})(?:@(?P<last_day>\d{4}-\d\d-\d\d))?", re.ASCII)


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"


@dataclass(frozen=True)
class WebKey:
    role: Role
    name: str
    """Who holds it: recorded with what they answer."""
    digest: bytes = field(repr=False)
    """SHA-256 of the secret. The secret itself is not kept."""
    last_day: date | None = None
    """On which it opens anything, in UTC. None: it has no end."""
    plain: bool = False
    """The setting has the secret itself."""

    def expired(self, now: datetime) -> str | None:
        """In words; None while it may be used."""
        over = self.last_day is not None and now.date() > self.last_day
        return f"this key was good until {self.last_day}: ask for a new one" if over else None


def new_key(role: Role, name: str | None, last_day: date) -> tuple[str, str]:
    """A new secret, and what ORDER_WEB_KEYS is to have of it. Raises ValueError for what can be no name."""
    secret = secrets.token_urlsafe(32)
    holder = f"{role}@{name}" if name else role
    entry = f"{holder}:{HASHED}{hashlib.sha256(secret.encode()).hexdigest()}@{last_day}"
    parse_keys(entry)
    return secret, entry


def parse_keys(text: str) -> tuple[WebKey, ...]:
    """`viewer:...,operator@ada:...`. Raises ValueError, which never repeats what it was given."""
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
    """Whose secret it is. Takes as long whichever it is, and if it is none."""
    digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
    matches = [key for key in keys if hmac.compare_digest(key.digest, digest)]
    return matches[0] if matches and secret else None


def is_loopback(host: str) -> bool:
    """Of a name without its port: where pages and API answer without keys, and to that alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
