"""The keys of the pages and the API: a role, a name for who holds it, and the secret itself, which nothing
prints."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

FORM = "role:secret or role@name:secret"
SHORTEST_SECRET = 16
_KEY = re.compile(r"(?P<role>[a-z]+)(?:@(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,63}))?:(?P<secret>[!-+\--~]+)")
"""A secret is of printable ASCII without spaces and commas, so that a header and a setting can hold it."""


class Role(StrEnum):
    VIEWER = "viewer"
    """Sees everything, and changes nothing."""
    OPERATOR = "operator"


@dataclass(frozen=True)
class WebKey:
    role: Role
    name: str
    """Who holds it: recorded with what they answer."""
    digest: bytes = field(repr=False)
    """SHA-256 of the secret. The secret itself is not kept."""


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
    if len(found["secret"]) < SHORTEST_SECRET:
        raise ValueError(f"the secret of key {number} has fewer than {SHORTEST_SECRET} characters")
    role = Role(found["role"])
    return WebKey(role, found["name"] or role.value, hashlib.sha256(found["secret"].encode()).digest())


def holder_of(secret: str, keys: Sequence[WebKey]) -> WebKey | None:
    """Whose secret it is. Takes as long whichever it is, and if it is none."""
    digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
    matches = [key for key in keys if hmac.compare_digest(key.digest, digest)]
    return matches[0] if matches else None
