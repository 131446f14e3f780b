"""Whoever sends a request shows by it that he has the secret, and that nobody has changed it on its way."""

import hashlib
import hmac
import re
import time

from order_system.domain.ids import Key
from order_system.gateways import policy

_HEADER = re.compile(r"t=(\d{1,12}),v1=[0-9a-f]{64}", re.ASCII)


def sign(secret: str, path: str, key: Key | None, body: bytes, at: int | None = None) -> str:
    """The header. `at`: seconds since 1970; None: now."""
    at = int(time.time()) if at is None else at
    of_key = ["", ""] if key is None else [key, str(key.round)]
    signed = "\n".join([str(at), "POST", path, *of_key, ""]).encode() + body
    return f"t={at},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def what_is_wrong(header: str, secret: str, path: str, key: Key | None, body: bytes) -> str | None:
    """With the signature of a request; None if it is good."""
    if (found := _HEADER.fullmatch(header)) is None:
        return "the request is not signed: t=SECONDS,v1=HEX is expected"
    at = int(found[1])
    if abs(time.time() - at) > policy.SIGNATURE_HOLDS.total_seconds():
        return "it was signed more than five minutes from our time: look at both clocks"
    if not hmac.compare_digest(header, sign(secret, path, key, body, at)):
        return "the signature is not that of this request: is the secret the same on both sides?"
    return None
