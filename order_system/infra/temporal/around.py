"""What is done around each activity of a worker, in one method. The SDK asks for two classes for that."""

from collections.abc import Awaitable, Callable
from typing import Any

from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

GoOn = Callable[[ExecuteActivityInput], Awaitable[Any]]


class AroundActivities(Interceptor):
    async def around(self, given: ExecuteActivityInput, go_on: GoOn) -> Any:
        """To be overridden. `go_on` carries the activity out, and what other interceptors do around it."""
        return await go_on(given)

    def intercept_activity(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002 - the SDK's name
    ) -> ActivityInboundInterceptor:
        around = self.around

        class Around(ActivityInboundInterceptor):
            async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - its name
                return await around(input, super().execute_activity)

        return Around(super().intercept_activity(next))
