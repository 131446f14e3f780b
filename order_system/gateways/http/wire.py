"""What goes over the wire. The ports themselves tell it: paths, bodies, answers, refusals and promises are
those of the Protocols' methods, so that client, server and document cannot differ."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError, create_model

from order_system.domain.errors import BusinessError, NotReached
from order_system.domain.gateways import PaymentsElsewhere
from order_system.domain.order import PaymentReceipt, Wire
from order_system.gateways.loading import PROTOCOLS, Port

KEY, ROUND, SIGNATURE = "Idempotency-Key", "Idempotency-Round", "Order-System-Signature"
PROBLEM_JSON = "application/problem+json"


class Problem(Wire):
    """RFC 9457. What counts is `type`."""

    type: str = "about:blank"
    status: int = 0
    detail: str = ""


def _type(name: str) -> str:
    return f"urn:order-system:{name}"


def type_of(error: type[Exception]) -> str:
    """`urn:order-system:payment-declined` of PaymentDeclined."""
    return _type(re.sub(r"(?<!^)(?=[A-Z])", "-", error.__name__).lower())


NOTHING_THERE, ANSWER_LOST = _type("nothing-under-that-key"), _type("answer-lost")
NOT_REACHED, NOT_SIGNED, NOT_UNDERSTOOD = (
    type_of(NotReached),
    _type("signature-refused"),
    _type("request-refused"),
)
"""Each of these three promises that the request was not carried out."""


@dataclass(frozen=True)
class Operation:
    """A method of a port."""

    port: Port
    name: str
    signature: inspect.Signature
    """With `self`."""
    promise: str
    """Its docstring."""

    @property
    def path(self) -> str:
        return f"/{self.port}/{self.name}"

    @property
    def takes_key(self) -> bool:
        """As headers; all else is the body. A method without a key makes nothing: it names what it is about,
        and may find that the next time, so no answer may be stored for it."""
        return "key" in self.signature.parameters

    @cached_property
    def body(self) -> type[BaseModel]:
        fields: dict[str, Any] = {
            name: (parameter.annotation, ...)
            for name, parameter in self.signature.parameters.items()
            if name not in ("self", "key")
        }
        return create_model(f"{self.name.title().replace('_', '')}Arguments", __base__=Wire, **fields)

    @property
    def answers(self) -> tuple[Any, ...]:
        """The types that it may answer with. None is apart: see `may_find_nothing`."""
        answer = self.signature.return_annotation
        return tuple(each for each in get_args(answer) if each is not NoneType) or (answer,)

    @property
    def may_find_nothing(self) -> bool:
        return NoneType in get_args(self.signature.return_annotation)

    @cached_property
    def refusals(self) -> Mapping[str, type[BusinessError]]:
        """Type -> error, of each definite no that its docstring names. It has no others."""
        named = [each for each in BusinessError.__subclasses__() if each.__name__ in self.promise]
        return {type_of(each): each for each in named}

    def read_answer(self, asked: BaseModel, content: bytes) -> Any:
        """Raises ValueError, which says what is wrong: it may be one of two, or is to another call."""
        found: list[Any] = []
        wrong = "it may be one of several"
        for adapter in self._adapters:
            try:
                found.append(adapter.validate_json(content, strict=True))
            except ValidationError as invalid:
                first = invalid.errors()[0]
                wrong = ": ".join([*map(str, first["loc"]), first["msg"]])
        if len(found) != 1:
            raise ValueError(wrong)
        if isinstance(found[0], Wire):
            _check_receipt(asked, found[0])
        return found[0]

    @cached_property
    def _adapters(self) -> list[TypeAdapter[Any]]:
        return [TypeAdapter(each) for each in self.answers]


def _check_receipt(asked: BaseModel, receipt: Wire) -> None:
    """What a receipt repeats of the call, as amount and currency, must be what was asked for. Raises
    ValueError."""
    repeated = set(type(asked).model_fields) & receipt.model_fields_set
    wanted, got = (each.model_dump(mode="json", include=repeated) for each in (asked, receipt))
    for name, value in wanted.items():
        if got[name] != value:
            raise ValueError(f"{name} is {got[name]}, and {value} was asked for")
    if isinstance(receipt, PaymentReceipt) and receipt.captured_elsewhere:
        raise ValueError("whether a payment was captured elsewhere is not for a charge to say")


def _operations(port: Port, *protocols: type) -> list[Operation]:
    return [
        Operation(port, name, inspect.signature(method, eval_str=True), inspect.getdoc(method) or "")
        for protocol in protocols
        for name, method in vars(protocol).items()
        if not name.startswith("_")
    ]


_BESIDES: Mapping[Port, list[type]] = {Port.PAYMENTS: [PaymentsElsewhere]}

OPERATIONS: Mapping[Port, list[Operation]] = {
    port: _operations(port, protocol, *_BESIDES.get(port, [])) for port, protocol in PROTOCOLS.items()
}
