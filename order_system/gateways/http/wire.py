"""What goes over the wire. Paths, bodies, answers, refusals and promises are derived from the methods of the
Protocols, so client, server and document cannot differ. The signature of a request proves that its sender has
the secret, and that nobody has changed the request on its way."""

import hashlib
import hmac
import inspect
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError, create_model
from pydantic.alias_generators import to_snake

from order_system.domain.errors import BusinessError, NotReached
from order_system.domain.ids import Key
from order_system.domain.order import PaymentReceipt, Wire
from order_system.gateways import policy
from order_system.gateways.loading import OPTIONAL, PROTOCOLS, Port, methods_of

KEY, ROUND, SIGNATURE = "Idempotency-Key", "Idempotency-Round", "Order-System-Signature"
PROBLEM_JSON = "application/problem+json"
_SIGNATURE = re.compile(r"t=(\d{1,12}),v1=[0-9a-f]{64}", re.ASCII)


class Problem(Wire):
    """A problem by RFC 9457. Its `type` decides."""

    type: str = "about:blank"
    detail: str | None = None


def type_of(error: type[Exception]) -> str:
    """Return the problem type of an error: `urn:order-system:payment-declined` for PaymentDeclined."""
    return f"urn:order-system:{to_snake(error.__name__).replace('_', '-')}"


NOTHING_THERE = "urn:order-system:nothing-under-that-key"
NOT_SIGNED, NOT_UNDERSTOOD = "urn:order-system:signature-refused", "urn:order-system:request-refused"
NOTHING_DONE = (type_of(NotReached), NOT_SIGNED, NOT_UNDERSTOOD)
"""Each of these promises that the request was not carried out."""


@dataclass(frozen=True)
class Operation:
    """A method of a port."""

    port: Port
    name: str
    promise: str
    """The docstring of the method."""
    signature: inspect.Signature
    """The signature of the method, including `self`."""
    takes_key: bool
    """Whether it takes a key, sent in headers; all else is the body. A method without a key makes nothing,
    but may find something the next time: its answers must not be stored."""
    body: type[BaseModel]
    answers: tuple[Any, ...]
    """The types that it may answer, without None."""
    may_find_nothing: bool
    refusals: Mapping[str, type[BusinessError]]
    """The definite noes that its docstring names, by problem type. It has no others."""

    @property
    def path(self) -> str:
        return f"/{self.port}/{self.name}"

    def read_answer(self, asked: BaseModel, content: bytes) -> Any:
        """Return the answer. Raises ValueError if it fits no type, or several, or belongs to another call."""
        found: list[Any] = []
        wrong = "it may be one of several"
        for kind in self.answers:
            try:
                found.append(TypeAdapter[Any](kind).validate_json(content, strict=True))
            except ValidationError as invalid:
                first = invalid.errors()[0]
                wrong = ": ".join([*map(str, first["loc"]), first["msg"]])
        if len(found) != 1:
            raise ValueError(wrong)
        if isinstance(found[0], Wire):
            _check_receipt(asked, found[0])
        return found[0]


def _check_receipt(asked: BaseModel, receipt: Wire) -> None:
    """Raise ValueError if a receipt does not match its call. What both name, such as the amount, must agree.
    For a refund or a capture, it must agree with the receipt that was passed in."""
    wanted = asked.model_dump(mode="json")
    receipt_of: dict[str, Any] = wanted.pop("receipt", None) or {}
    wanted = receipt_of | wanted
    got = receipt.model_dump(mode="json", include=receipt.model_fields_set, exclude={"charge_id", "held"})
    for name in wanted.keys() & got.keys():
        if got[name] != wanted[name]:
            raise ValueError(f"{name} is {got[name]}, and {wanted[name]} was asked for")
    if isinstance(receipt, PaymentReceipt) and (receipt.captured_elsewhere or receipt.held):
        raise ValueError("whether a payment was captured elsewhere, or is only held, is not for it to say")


def _operation(port: Port, name: str, method: Callable[..., Any]) -> Operation:
    promise, signature = inspect.getdoc(method) or "", inspect.signature(method, eval_str=True)
    arguments = {each.name: each.annotation for each in signature.parameters.values() if each.name != "self"}
    takes_key = arguments.pop("key", None) is not None
    fields: dict[str, Any] = {
        each: (str if annotation is Key else annotation, ...) for each, annotation in arguments.items()
    }
    called = "void_payment" if (port, name) == (Port.PAYMENTS, "void") else name  # a carrier has one, too
    answers = get_args(signature.return_annotation) or (signature.return_annotation,)
    return Operation(
        port,
        name,
        promise,
        signature,
        takes_key,
        body=create_model(f"{called.title().replace('_', '')}Arguments", __base__=Wire, **fields),
        answers=tuple(each for each in answers if each is not NoneType),
        may_find_nothing=NoneType in answers,
        refusals={type_of(each): each for each in BusinessError.__subclasses__() if each.__name__ in promise},
    )


OPERATIONS: dict[Port, list[Operation]] = {port: [] for port in Port}
for _port, _protocol in (*PROTOCOLS.items(), *((Port.PAYMENTS, each) for each in OPTIONAL[Port.PAYMENTS])):
    OPERATIONS[_port] += [_operation(_port, name, getattr(_protocol, name)) for name in methods_of(_protocol)]


def sign(secret: str, path: str, key: Key | None, body: bytes, at: int | None = None) -> str:
    """Return the signature header. `at` is in seconds since 1970; None means now."""
    at = int(time.time()) if at is None else at
    of_key = ["", ""] if key is None else [key, str(key.round)]
    signed = "\n".join([str(at), "POST", path, *of_key, ""]).encode() + body
    return f"t={at},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def what_is_wrong(header: str, secret: str, path: str, key: Key | None, body: bytes) -> str | None:
    """Return what is wrong with the signature of a request, or None if it is good."""
    if (found := _SIGNATURE.fullmatch(header)) is None:
        return "the request is not signed: t=SECONDS,v1=HEX is expected"
    at = int(found[1])
    if abs(time.time() - at) > policy.SIGNATURE_HOLDS.total_seconds():
        return "it was signed more than five minutes from our time: look at both clocks"
    if not hmac.compare_digest(header, sign(secret, path, key, body, at)):
        return "the signature is not that of this request: is the secret the same on both sides?"
    return None
