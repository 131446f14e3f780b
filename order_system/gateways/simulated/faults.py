"""Random faults, which the same seed replays.

Each call draws one number, a hash of (seed, order ID, operation, submission number, earlier calls with this
key). So a retry and a resubmission draw a new number, and neither the clock nor chance has any influence."""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from order_system.domain.errors import InvalidSettings
from order_system.domain.order import Strict
from order_system.domain.steps import Step


class Operation(StrEnum):
    """A call that a gateway offers, and the step whose rates it has. The first six are the effects of an
    order, the next three are undos; the last three are for a payment that is authorised first."""

    step: Step

    def __new__(cls, name: str, step: Step) -> Self:
        operation = str.__new__(cls, name)
        operation._value_, operation.step = name, step
        return operation

    CHARGE = "charge", Step.PAYMENT
    RESERVE = "reserve", Step.INVENTORY
    LABEL = "label", Step.SHIPPING
    DISPATCH = "dispatch", Step.SHIPPING
    COMMIT = "commit", Step.INVENTORY  # a part of shipping, but the warehouse answers
    NOTIFY = "notify", Step.NOTIFICATION
    REFUND = "refund", Step.PAYMENT
    RELEASE = "release", Step.INVENTORY
    VOID = "void", Step.SHIPPING
    AUTHORISE = "authorise", Step.PAYMENT
    CAPTURE = "capture", Step.PAYMENT
    VOID_PAYMENT = "void payment", Step.PAYMENT


class FaultKind(StrEnum):
    REFUSED = "refused"
    """A definite no: declined, out of stock, refused."""
    NOT_REACHED = "not reached"
    """Trouble before the effect: nothing happened."""
    ANSWER_LOST = "answer lost"
    """Trouble after the effect: it happened, and the caller does not know."""


Share = Annotated[float, Field(ge=0, le=1)]


class GatewayRates(Strict):
    """Shares of calls, 0 to 1. Half of the trouble strikes before the effect, half after it."""

    refused: Share = 0.0
    trouble: Share = 0.0

    @model_validator(mode="after")
    def _leave_room(self) -> "GatewayRates":
        if self.refused + self.trouble > 1:
            raise ValueError("refused and trouble together are more than 1")
        return self


FaultRates = Mapping[Step, GatewayRates]
"""How often the gateways of each step fail a call. One that is left out never fails."""

NEVER = GatewayRates()
NO_FAULTS: FaultRates = {}
DEFAULT_FAULTS: FaultRates = {
    Step.PAYMENT: GatewayRates(refused=0.10, trouble=0.05),
    Step.INVENTORY: GatewayRates(refused=0.10, trouble=0.10),
    Step.SHIPPING: GatewayRates(refused=0.05, trouble=0.05),
    Step.NOTIFICATION: GatewayRates(trouble=0.05),
}
_FROM_A_FILE = TypeAdapter(dict[Step, GatewayRates])


def chance(*of: str | int) -> float:
    """Return a number in [0, 1), the same for the same parts."""
    digest = blake2b("\x1f".join(map(str, of)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / 2**53  # as many bits as a float holds: never rounded up to 1


def draw_fault(
    rates: FaultRates,
    operation: Operation,
    *,
    seed: int,
    order_id: str,
    submission_number: int,
    earlier_calls: int,
) -> FaultKind | None:
    """Return the fault of this call, if any. For a call that cannot be refused, `REFUSED` is no fault."""
    rate = rates.get(operation.step, NEVER)
    drawn = chance(seed, order_id, operation, submission_number, earlier_calls)
    if drawn < rate.refused:
        return FaultKind.REFUSED
    if drawn < rate.refused + rate.trouble / 2:
        return FaultKind.NOT_REACHED
    if drawn < rate.refused + rate.trouble:
        return FaultKind.ANSWER_LOST
    return None


def load_faults(source: str) -> FaultRates:
    """Load the rates from `source`: `none`, `default`, or the path of a TOML file such as

        [payment]
        refused = 0.10
        trouble = 0.05

    for payment, inventory, shipping, notification. Raises InvalidSettings, which names file and field."""
    if source == "none":
        return NO_FAULTS
    if source == "default":
        return DEFAULT_FAULTS
    try:
        return _FROM_A_FILE.validate_python(tomllib.loads(Path(source).read_text(encoding="utf-8")))
    except OSError as error:
        problem = f"cannot be read ({error.strerror}); give `none`, `default` or a TOML file"
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except ValueError as error:  # not TOML, or not UTF-8
        problem = f"is not TOML: {error}"
    raise InvalidSettings(f"ORDER_FAULTS: faults file {source}: {problem}")
