"""What a worker does around each of its activities."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

CarryOut = Callable[[ExecuteActivityInput], Awaitable[Any]]


class AroundActivities(Interceptor):
    @abstractmethod
    async def around(self, asked: ExecuteActivityInput, carry_out: CarryOut) -> Any:
        """In the place of an activity, which `carry_out` carries out. Returns what it returns."""

    def intercept_activity(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002 - the SDK's name
    ) -> ActivityInboundInterceptor:
        around = self.around

        class Around(ActivityInboundInterceptor):
            async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - its name
                return await around(input, super().execute_activity)

        return Around(super().intercept_activity(next))
