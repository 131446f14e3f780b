"""What a gateway was asked and what it answered, and checks of the answers."""

from dataclasses import dataclass, field
from typing import Any

from order_system.domain.errors import BusinessError, NotReached
from order_system.domain.gateways import NotCaptured, Voided
from order_system.domain.order import NoticeReceipt, Reservation, Wire, by_sku

OTHER_DATA = "it needs other data, by the options (--help)"


class Broken(Exception):
    """The promise is not kept. The message says what broke it."""

    def __init__(self, words: str, follows: str = "") -> None:
        """`follows` is what follows for orders, if it is not what the promise says."""
        super().__init__(words)
        self.follows = follows


NO_ANSWER = "the step is given up in the end, and its order is undone; an undo waits for a person"
OTHER_AMOUNT = "customers pay, or get back, another amount than they have agreed to"
NO_RECEIPT = "what was done is not known; where an undo answers None, money or goods are kept"


class NotShown(Exception):
    """Whether the promise is kept cannot be seen here. The message says why."""


@dataclass(frozen=True)
class Call:
    method: str
    key: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])

    def __str__(self) -> str:
        number = getattr(self.key, "round", 0)
        key = f"Key({str(self.key)!r}, round={number})" if number else repr(self.key)
        return f"{self.method}({', '.join([key, *(f'{n}={v!r}' for n, v in self.arguments.items())])})"


@dataclass(frozen=True)
class Answer:
    """What a call came to. It can be sent between processes, which not every exception can."""

    value: Any = None
    error: type[Exception] | None = None
    """One of our errors, also for a subclass of it; Exception for any other error."""
    words: str = ""

    def __str__(self) -> str:
        return self.words or ("" if self.error else f"answered {self.value!r}")

    @property
    def is_no(self) -> bool:
        return self.error is not None and issubclass(self.error, BusinessError)

    @property
    def means_not_done(self) -> bool:
        return self.is_no or self.error is NotReached


def alike(call: Call, *answers: Answer) -> None:
    """Raise NotShown if all are a no, and Broken unless all have the same value, of the amount asked for."""
    if all(answer.is_no for answer in answers):
        raise NotShown(f"{call.method} {answers[0]}: {OTHER_DATA}")
    first, *others = answers
    failed = any(each.error and not each.is_no for each in answers)
    for answer in others or answers:
        if first.error or answer.error or identity(answer.value) != identity(first.value):
            then = f", and then {answer}" if answer != first else ""
            raise Broken(f"{call.method} {first}{then}", NO_ANSWER if failed else "")
    exact(call, first)


def exact(call: Call, answer: Answer) -> None:
    """Raise Broken if the answer names other goods, or another amount or currency, than were asked for."""
    asked = dict[str, Any](call.arguments.get("receipt") or ()) | call.arguments
    for what in ("amount", "currency"):
        due, nothing = asked.get(what), isinstance(answer.value, Voided | NotCaptured)
        if not nothing and due not in (None, getattr(answer.value, what, None)):
            told = f"{call.method} {answer}, which is no receipt of the {what} {due}"
            raise Broken(told, OTHER_AMOUNT if isinstance(answer.value, Wire) else NO_RECEIPT)
    told = answer.value.lines if isinstance(answer.value, Reservation) else ()
    if told and by_sku(told) != by_sku(asked.get("lines", told)):
        raise Broken(f"{call.method} {answer}, and not of all lines")


def must_raise(call: Call, answer: Answer, error: type[BusinessError] | None) -> None:
    if answer.error is not error:
        raise Broken(f"{call.method} must raise {error and error.__name__} here: it {answer}")


def identity(value: Any) -> Any:
    """Return what is compared: the ID of a reservation (a warehouse need not know prices) or of a notice."""
    if isinstance(value, NoticeReceipt):
        return value.message_id
    return value.reservation_id if isinstance(value, Reservation) else value
