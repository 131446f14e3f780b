"""AES-256-GCM around whole payloads. The key's ID stands beside in clear; a change of it is noticed. Nothing
else is bound to a payload, since whoever opens one for the Web UI is not told whose it is. So a lying server
could put one payload of ours in another's place."""

import os
from collections.abc import Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from order_system.domain.errors import KeyTrouble
from order_system.infra.sealing.ring import NO_SUCH_KEY, SEALED, KeyRing

_NONCE = 12
"""The length of the random nonce in bytes. One key may seal 4 billion payloads (2 to the power of 32)."""

_cipher = lru_cache(maxsize=8)(AESGCM)


class SealingCodec(PayloadCodec):
    """Seals and opens payloads. It raises only KeyTrouble, which is no ApplicationError: so the task that
    needs the payload waits and is tried again, and no order fails."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        try:
            key_id, secret = await self._ring.newest()
            cipher = _cipher(secret)
        except Exception as trouble:
            raise KeyTrouble(f"nothing can be sealed by ORDER_KEYS: {_reason(trouble)}") from trouble
        named, sealed = {"encoding": SEALED.encode(), "encryption-key-id": key_id.encode()}, list[Payload]()
        for payload in payloads:
            nonce = os.urandom(_NONCE)
            data = cipher.encrypt(nonce, payload.SerializeToString(), _in_clear(key_id))
            sealed.append(Payload(metadata=named, data=nonce + data))
        return sealed

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open what is sealed. Payloads from before there were keys are left as they are."""
        return [await self._opened(each) if is_sealed(each) else each for each in payloads]

    async def _opened(self, payload: Payload) -> Payload:
        key_id = payload.metadata["encryption-key-id"].decode(errors="replace")
        nonce, data = payload.data[:_NONCE], payload.data[_NONCE:]
        try:
            if (secret := await self._ring.key(key_id)) is None:
                raise KeyTrouble(NO_SUCH_KEY)
            return Payload.FromString(_cipher(secret).decrypt(nonce, data, _in_clear(key_id)))
        except Exception as trouble:
            changed = "it was changed, or ORDER_KEYS has another key of that ID"
            why = changed if isinstance(trouble, InvalidTag) else _reason(trouble)
            raise KeyTrouble(f"what key {key_id} has sealed cannot be opened: {why}") from trouble


def is_sealed(payload: Payload) -> bool:
    return payload.metadata.get("encoding") == SEALED.encode()


def _in_clear(key_id: str) -> bytes:
    """Return what stands in clear and cannot be changed unnoticed."""
    return f"{SEALED} {key_id}".encode()


def _reason(trouble: Exception) -> str:
    return str(trouble) if isinstance(trouble, KeyTrouble) else f"{type(trouble).__name__}: {trouble}"
