"""The simulated world with the model beside it. Every request that lands is carried out by both, and both
must give the same answer.

A request is a thing of its own: when its caller dies or gives up, it may still be on its way, and land.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from order_system.domain.errors import (
    BusinessError,
    NoticeRefused,
    OutOfStock,
    PaymentDeclined,
    PaymentNotConfirmed,
    ShippingRefused,
)
from order_system.domain.gateways import NotCaptured, Voided
from order_system.domain.order import OrderLine
from order_system.gateways.simulated.world import SimulatedWorld
from tests.properties.model import Lines, Model

REFUSALS: dict[str, Callable[[str], BusinessError]] = {
    "charge": PaymentDeclined,
    "authorise": PaymentDeclined,
    "take_over": PaymentNotConfirmed,
    "capture": PaymentDeclined,
    "reserve": OutOfStock,
    "buy_label": ShippingRefused,
    "dispatch": ShippingRefused,
    "send": NoticeRefused,
}
"""What a gateway may say no to."""

BOUND_BY_THE_DEADLINE = {"charge", "reserve"}
"""Landing later than the deadline of its attempt, one of these may escape its undo: that the caller ends
its request in time is the promise that an undo relies on. A void binds label and dispatch for good, or
authorisation and capture."""


@dataclass
class Request:
    """One call to a gateway, on its way there."""

    name: str
    key: str
    """The key that it acts under; of a dispatch, its label's; of a capture, its charge's."""
    deadline: datetime
    land: Callable[[], Any]
    """Carry it out, once. Raises what the gateway says no with."""

    def __str__(self) -> str:
        return f"{self.name} {self.key}"

    async def arrive(self, now: datetime) -> None:
        """Land if it still may, with nobody there to hear the answer."""
        if self.name not in BOUND_BY_THE_DEADLINE or now < self.deadline:
            await self.arrive_at_last()

    async def arrive_at_last(self) -> None:
        """Land, however late: queued somewhere between us and the gateway."""
        with suppress(BusinessError):
            await self.land()


class Gateways:
    """All four gateways."""

    def __init__(self, world: SimulatedWorld, model: Model) -> None:
        self._methods: dict[str, Callable[..., Any]] = {
            name: getattr(gateway, name)
            for gateway, names in (
                (world.payments, ("charge", "refund", "find_payment", "authorise", "take_over", "capture")),
                (world.warehouse, ("reserve", "release", "commit")),
                (world.carrier, ("buy_label", "dispatch", "void")),
                (world.mailer, ("send",)),
            )
            for name in names
        }
        self._methods["void_payment"] = world.payments.void
        self._model = model

    def knows(self, request: Request) -> bool:
        """Whether the effect exists already: then no gateway says no to it."""
        known: dict[str, dict[str, Any]] = {
            "charge": self._model.captured,
            "capture": self._model.captured,
            "authorise": self._model.authorised,
            "take_over": self._model.authorised,
            "reserve": self._model.reservations,
            "buy_label": self._model.labels,
            "send": self._model.notices,
        }
        if request.name == "dispatch":
            return self._model.labels.get(request.key) == "dispatched"
        return request.key in known[request.name]

    def request(self, name: str, key: str, deadline: datetime, kwargs: dict[str, Any]) -> Request:
        async def land() -> Any:
            answer: Any
            try:
                answer = await self._methods[name](key, **kwargs)
            except BusinessError as no:
                answer = no
            expected = self._expected(name, key, kwargs)
            assert _in_short(answer) == expected, f"{name} {key}: {answer!r}, but the model says {expected!r}"
            if isinstance(answer, BusinessError):
                raise answer
            return answer

        return Request(name, kwargs.get("label_key") or kwargs.get("charge_key", key), deadline, land)

    def _expected(self, name: str, key: str, kwargs: dict[str, Any]) -> Any:
        told: tuple[Any, ...]
        match name:
            case "charge" | "find_payment" | "authorise":
                told = (kwargs.get("reference", key), kwargs["amount"])
            case "take_over":
                told = (key, kwargs["reference"], kwargs["amount"])
            case "refund":
                told = (key, kwargs["receipt"])
            case "reserve":
                told = (key, _lines(kwargs["lines"]))
            case "capture":
                told = (kwargs["charge_key"],)
            case "dispatch":
                told = (kwargs["label_key"],)
            case "send":
                told = (key, kwargs["kind"])
            case _:
                told = (key,)
        return getattr(self._model, name)(*told)


def _lines(lines: Sequence[OrderLine]) -> Lines:
    return tuple((line.sku, line.quantity) for line in lines)


def _in_short(answer: Any) -> Any:
    """An answer in the model's words: an amount, a kind of notice, or whether it is a yes."""
    if answer is None or isinstance(answer, BusinessError):
        return None if answer is None else False
    if isinstance(answer, Voided):
        return False
    if isinstance(answer, NotCaptured):
        return "voided" if answer.authorised else "nothing to void"
    return getattr(answer, "amount", None) or getattr(answer, "kind", None) or True
