"""Times and traces the calls of gateways, if telemetry is on."""

import time
from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from temporalio.common import MetricMeter

from order_system.domain import metrics
from order_system.domain.errors import AnswerLost, BusinessError, NotReached, OutcomeUnknown
from order_system.infra.telemetry.process import TELEMETRY

_ANSWERS: Mapping[type[BaseException], str] = {
    BusinessError: "refused",
    NotReached: "not_reached",
    OutcomeUnknown: "unknown",
    AnswerLost: "lost",
    **dict.fromkeys((TimeoutError, CancelledError), "lost"),  # cut off with its attempt
}


class Measured:
    """A gateway with exactly the methods of `gateway`, which may be of any port. Each call is measured."""

    def __init__(self, port: str, gateway: object, meter: MetricMeter) -> None:
        self._port = port
        self._gateway = gateway
        self._meter = meter

    def __getattr__(self, name: str) -> Any:
        call: Callable[..., Awaitable[Any]] = getattr(self._gateway, name)

        async def measured(*given: Any, **named: Any) -> Any:
            began, answer = time.perf_counter(), "error"
            try:
                with TELEMETRY.span(f"{self._port} {name}"):
                    found = await call(*given, **named)
                answer = "nothing" if found is None else "yes"
                return found
            except BaseException as failure:
                answer = next((word for kind, word in _ANSWERS.items() if isinstance(failure, kind)), "error")
                raise
            finally:
                took = time.perf_counter() - began
                metrics.note(
                    "gateway_call_duration_seconds", self._meter, self._port, name, answer, value=took
                )

        self.__dict__[name] = measured  # made once
        return measured
