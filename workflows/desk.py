"""Where a person answers when an order needs attention."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from order_system.attention import UPDATE_REFUSED, Answer, AnswerReceipt, GiveUp, Resolution, StepRetry


class Desk:
    def check_resolution(self, resolution: Resolution) -> None:
        raise _refused(f"no undo of {resolution.step} is under way")

    def check_held(self, answer: Answer) -> None:
        raise _refused("the order is not held")

    async def resolve(self, resolution: Resolution) -> AnswerReceipt:
        raise NotImplementedError

    async def retry_step(self, retry: StepRetry) -> AnswerReceipt:
        raise NotImplementedError

    async def give_up(self, give_up: GiveUp) -> AnswerReceipt:
        raise NotImplementedError


def _refused(why: str) -> ApplicationError:
    return ApplicationError(why, type=UPDATE_REFUSED, non_retryable=True)
