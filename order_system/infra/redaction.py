"""Keeps names, addresses, e-mail and tokens out of log lines, and out of the texts of others that the order
book keeps.

Our own code does not write them. Error texts of gateways, drivers and validators may hold them all the same.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import cache
from typing import Any, cast

from pydantic import BaseModel, SecretStr
from structlog.typing import EventDict

from order_system.domain.card_numbers import holds_card_number

REDACTED = "[redacted]"

_PERSONAL = re.compile(
    r"name|(first|last|full|customer)_?name|customer|recipient|phone|(\w+_)?e?mail"
    r"|((shipping|billing|customer)_?)?address|street|city|region|postal_code|zip|country"
    r"|payment_method|(\w+_)?(token|secret|password)|api_key|authorization|card(_number)?",
    re.IGNORECASE,
)
"""Keys whose values are dropped, whatever they hold."""

_PERSONAL_IN_TEXT = re.compile(
    rf"""(?P<key>(?P<quote>["']?)\b(?:{_PERSONAL.pattern})(?P=quote)\s*[:=]\s*)(?:'[^']*'|"[^"]*")""",
    re.IGNORECASE,
)
"""Matches personal values in a model's repr, or in a piece of JSON, inside an error message."""

LOGIN = re.compile(r"(?<=://)[^/@\s]+(?=@)")
"""Matches the name and password in a URL."""
_VALUES_IN_TEXT = (
    re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),  # e-mail
    re.compile(r"\b(?:pm|tok|sk)_\w+"),  # payment tokens
    re.compile(r"(?<=\bBearer )\S+"),
    LOGIN,
    re.compile(r"(?<=input_value=).*?(?=, input_type=)", re.DOTALL),  # pydantic quotes what it refuses
    re.compile(r"(?<=\[parameters: ).*(?=\])"),  # SQLAlchemy, if it is not told to hide them
)
# Run IDs are UUIDs; one made of digits alone can look like a card number, and must stay readable.
_UUID_OR_DIGITS = re.compile(
    r"(?P<uuid>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)|\d(?:[\W_]{0,2}\d){12,}", re.ASCII
)

_SHORTEST = 3
"""Shorter values are not redacted: the code of a country or a region is part of too many words."""
_private: ContextVar[Callable[[], Sequence[str]]] = ContextVar("private", default=tuple)


def keep_private(told: object) -> None:
    """From now on, in this context, redact the personal values that this model holds. A gateway may repeat
    them in its messages, where no pattern can tell a name from other words."""
    # Collected only when a text is to be redacted: most activities log nothing.
    _private.set(cache(lambda: sorted(_personal_in(told), key=len, reverse=True)))


def _personal_in(told: object, *, personal: bool = False) -> Iterator[str]:
    if isinstance(told, BaseModel | dict):
        for name, value in dict(cast("Mapping[str, object]", told)).items():
            yield from _personal_in(value, personal=personal or _PERSONAL.fullmatch(name) is not None)
    elif personal and isinstance(told, str) and len(told) >= _SHORTEST:
        yield told


def redact(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Redact a log line: a structlog processor, to stand right before the renderer."""
    return {key: _clean(key, value) for key, value in event.items()}


def redacted(model: BaseModel) -> dict[str, object]:
    """Return the model's fields as JSON, for people who may not see personal values."""
    return {name: _clean(name, value) for name, value in model.model_dump(mode="json").items()}


def _clean(key: str, value: object) -> object:
    if _PERSONAL.fullmatch(key.replace("-", "_")):
        return REDACTED
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if isinstance(value, Mapping):
        fields = cast("Mapping[object, object]", value)
        return {clean_text(str(name)): _clean(str(name), field) for name, field in fields.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", item) for item in cast("list[object]", value)]
    if value is None or isinstance(value, bool | int | float):
        return REDACTED if holds_card_number(value) else value
    return clean_text(str(value))  # what is left, an exception perhaps, would be printed as text anyway


def clean_text(text: str, *, in_any_case: bool = False) -> str:
    """Redact in a text of somebody else what looks personal, and the private values of this context. Their
    case must match, unless `in_any_case`: in a log, that would hide parts of other words and IDs."""
    for value in _private.get()():
        if in_any_case:
            text = re.sub(re.escape(value), REDACTED, text, flags=re.IGNORECASE)
        else:
            text = text.replace(value, REDACTED)
    text = _PERSONAL_IN_TEXT.sub(rf"\g<key>{REDACTED}", text)
    for pattern in _VALUES_IN_TEXT:
        text = pattern.sub(REDACTED, text)
    return _UUID_OR_DIGITS.sub(_without_card_number, text)


def _without_card_number(found: re.Match[str]) -> str:
    if found["uuid"] is None and holds_card_number(found[0]):
        return REDACTED
    return found[0]


def without_secrets(text: str, values: Iterable[object]) -> str:
    """Return the text with `***` in the place of each value that is a secret."""
    for value in values:
        if isinstance(value, SecretStr) and (secret := value.get_secret_value()):
            text = text.replace(secret, "***")
    return text
