"""`starter.py resolve`, `retry`, `give-up`, `take`, `refund` and `adopt`: the answers of a person."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from order_system.attention.chosen import Action, Chosen
from order_system.attention.concerns import status_command
from order_system.cli.ending import dying_at_once
from order_system.cli.options import ATTENTION, CLEAN, INVALID, Embedded, OrderId
from order_system.cli.orders.status import show_commands
from order_system.cli.screen import PEOPLE, Screen, now
from order_system.cli.session import Session, configured, exit_code, open_session
from order_system.cli.views import order_tree
from order_system.domain import answers
from order_system.domain.book import SubmissionStatus
from order_system.domain.errors import AnswerRefused, InvalidUsage, NoWorkerAnswers
from order_system.domain.refunds import RefundState
from order_system.domain.steps import Step
from order_system.domain.wording import so_many
from order_system.infra import policy
from order_system.infra.changes import user_here
from order_system.infra.process import STARTER

_WHICH_STEP = "The one whose undo is stuck: payment, inventory or shipping; or notification, if not sent."

Named = Annotated[str | None, Parameter(name="--who", help="Who answers, instead of user@host.")]
More = Annotated[str, Parameter(help="More orders; the result is told for each.")]


@Parameter(name="*")
@dataclass(frozen=True)
class Options:
    note: Annotated[str, Parameter(help="Why, in one line; at most 500 characters.")] = ""
    named: Named = None
    embedded: Embedded = False
    screen: Screen = PEOPLE

    @property
    def said(self) -> dict[str, Any]:
        return {"who": who_answers(self.named), "note": self.note}

    @asynccontextmanager
    async def session(
        self, look: str, answer: answers.Answer | None = None
    ) -> AsyncGenerator[tuple[Session, Callable[[str], None]]]:
        """Check the answer, and open a session for it. Yield also the function that takes how far the answer
        has come. If Ctrl-C ends the block, say that, with the command `look`. Raises InvalidUsage."""
        if flaw := answers.flaw_in(answer or answers.Answer(**self.said)):
            raise InvalidUsage(flaw)
        come_to = ["was not sent"]
        try:
            async with open_session(configured(), self.screen, embedded=self.embedded) as session:
                yield session, come_to.append
        except asyncio.CancelledError:
            self.screen.say(f"the answer {come_to[-1]}; to look: {look}")
            raise


DEFAULTS = Options()

_WHAT_WAITS = f"{STARTER} attention"


async def resolve(
    order_id: OrderId,
    step: Annotated[Step, Parameter(help=_WHICH_STEP)],
    /,
    *,
    retry: Annotated[bool, Parameter(help="Try it again now.")] = False,
    handled: Annotated[bool, Parameter(help="It was done by hand; --note must say what.")] = False,
    voided: Annotated[bool, Parameter(help="For shipping: no parcel has gone, and none can.")] = False,
    dispatched: Annotated[bool, Parameter(help="For shipping: the parcel is with the carrier.")] = False,
    refund: Annotated[str | None, Parameter(help="For payment: the ID of a refund that is stuck.")] = None,
    options: Options = DEFAULTS,
) -> int:
    if retry == handled:
        raise InvalidUsage("say either --retry or --handled")
    if voided and dispatched:
        raise InvalidUsage("a parcel is either --voided or --dispatched")
    resolution = answers.Resolution(
        **options.said,
        step=step,
        remedy=answers.Remedy.RETRY if retry else answers.Remedy.HANDLED,
        parcel=answers.ParcelFate.VOIDED if voided else answers.ParcelFate.DISPATCHED if dispatched else None,
        refund=refund,
    )
    return await _answered(order_id, resolution, options)


async def retry(order_id: OrderId, /, *more: More, options: Options = DEFAULTS) -> int:
    if more:
        return await _all_told([order_id, *more], Action.RETRY, options)
    return await _answered(order_id, answers.StepRetry(**options.said), options)


async def give_up(order_id: OrderId, /, *more: More, options: Options = DEFAULTS) -> int:
    if more:
        return await _all_told([order_id, *more], Action.GIVE_UP, options)
    return await _answered(order_id, answers.GiveUp(**options.said), options)


async def take(order_id: OrderId, /, *more: More, options: Options = DEFAULTS) -> int:
    return await _all_told([order_id, *more], Action.TAKE, options)


async def refund(
    order_id: OrderId,
    /,
    *,
    amount: Annotated[str | None, Parameter(help="How much, in the order's currency.")] = None,
    line: Annotated[str | None, Parameter(help="The SKU of a line whose goods are given back.")] = None,
    refund_id: Annotated[str | None, Parameter(name="--id", help="Repeated, it refunds only once.")] = None,
    made_elsewhere: Annotated[str | None, Parameter(help="The provider's ID of a refund to note.")] = None,
    options: Options = DEFAULTS,
) -> int:
    wanted = {"amount": amount, "line": line, "refund_id": refund_id, "made_elsewhere": made_elsewhere}
    said: dict[str, Any] = options.said | wanted
    async with options.session(status_command(order_id)) as (session, comes_to):
        order_id = await session.order_meant(order_id)
        comes_to("may have been sent")
        with session.screen.waiting(f"money of {order_id} is given back"):
            refunded = await session.client.refunds.give_back(order_id, **said)
        paid = await session.system.book.outcome(order_id)
    told = f"{order_id}: {refunded}; {paid and paid.payment}"
    session.screen.answer(refunded.model_dump(mode="json"), told)
    return ATTENTION if refunded.state is RefundState.UNDER_WAY else CLEAN


async def _all_told(chosen: Sequence[str], action: Action, options: Options) -> int:
    async with options.session(_WHAT_WAITS) as (session, comes_to):
        acting = Chosen(session.client, session.attention, **options.said)
        parts = [each.partition(":") for each in chosen]
        chosen = [f"{await session.order_meant(said)}{colon}{step}" for said, colon, step in parts]
        comes_to("may have been sent")
        with session.screen.waiting(f"{len(chosen)} are told"):
            told = await acting.all_told(chosen, action)
    lines = (f"{row.chosen}: {'accepted' if row.accepted else 'refused'}: {row.detail}" for row in told.rows)
    session.screen.answer(told.model_dump(mode="json"), *lines)
    return INVALID if told.refused else CLEAN


async def _answered(
    order_id: str, answer: answers.Resolution | answers.StepRetry | answers.GiveUp, options: Options
) -> int:
    async with options.session(status_command(order_id), answer) as (session, comes_to):
        screen, order_id = session.screen, await session.order_meant(order_id)
        comes_to("may have been sent")
        with screen.waiting(f"{order_id} is told"):
            try:
                receipt = await session.attention.answer(order_id, answer)
            except (AnswerRefused, NoWorkerAnswers) as unanswered:
                raise type(unanswered)(f"{unanswered}. See {status_command(order_id)}") from None
            comes_to("was taken")
            order = await session.client.status(order_id)
            with suppress(TimeoutError):  # what goes on for longer is shown as it is
                async with asyncio.timeout(policy.ANSWER_SHOWN.total_seconds()):
                    async for documents in session.client.watch([order_id]):
                        order = documents[order_id]
            record = (await session.system.book.find([order_id])).get(order_id)
    screen.answer(
        {"receipt": receipt.model_dump(mode="json"), "order": order.model_dump(mode="json")},
        f"{order_id}: {receipt.detail}",
        order_tree(order, now()),
    )
    show_commands(screen, order)
    if not order.closed and not screen.as_json:
        screen.say(f"To follow it: {status_command(order_id)} --watch")
    if record is not None and record.status is SubmissionStatus.TERMINATED:
        return CLEAN  # a terminated order that is settled waits for nobody
    return exit_code([order])


def who_answers(named: str | None) -> str:
    return user_here()[: answers.MOST_CHARACTERS_OF_WHO] if named is None else named


_WARNING = "Is that server gone for good? Two servers at work on one order could undo what the other does."


async def adopt(
    server: Annotated[str, Parameter(help="Its UUID, as `attention` shows it.")],
    /,
    *,
    yes: Annotated[bool, Parameter(help="It is gone for good: do not ask.")] = False,
    options: Options = DEFAULTS,
) -> int:
    screen = options.screen
    if not yes and not (screen.has_a_person and _confirmed(screen)):
        raise InvalidUsage(f"nothing was adopted. {_WARNING} Then say --yes")
    async with options.session(_WHAT_WAITS) as (session, comes_to):
        abandoned = session.system.abandoned(session.temporal)
        then = [each.batches_to_run for each in await abandoned.stranded() if each.server == server]
        comes_to("may have been noted")
        adopted = await abandoned.adopt(server, **options.said)
    screen.answer(
        {"server": server, "adopted": adopted},
        f"{so_many(adopted, 'submission was', 'submissions were')} adopted. "
        "The reconciler settles what is open with its next run; "
        f"`{STARTER} reconcile` does it now." + "".join(then),
    )
    return CLEAN


def _confirmed(screen: Screen) -> bool:
    screen.say(f"{_WARNING} [y/N]")
    with dying_at_once():
        return input().strip().lower() in ("y", "yes")
