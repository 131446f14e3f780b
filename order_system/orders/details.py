"""An order in full: where it stands, its contents, the gateways' receipts as the book has them, its attempts,
and what people have answered."""

from typing import Any

from order_system.book.order_book import SqlOrderBook
from order_system.domain.answers import AnswerRecord
from order_system.domain.book import EffectState
from order_system.domain.errors import UnknownOrder
from order_system.domain.journal import Journal
from order_system.domain.listing import OrderFilter
from order_system.domain.order import SubmissionRef, Wire
from order_system.domain.progress import AttemptMade, OrderProgress
from order_system.domain.steps import STEP_OF, Effect
from order_system.domain.wording import Timestamp
from order_system.infra.links import ProviderLinks
from order_system.infra.temporal.connection import if_it_answers_soon
from order_system.intake.reader import order_document
from order_system.orders.on_server import TemporalOrderRuns
from order_system.orders.timeline import Timeline, timeline_of

_REFERENCES = ("charge_id", "label_id", "reservation_id", "tracking_number", "message_id")
"""The fields of receipts that hold the gateway's own ID, the most telling one first."""

_AS_LISTED = {"batch", "total", "currency"}


class Receipt(Wire):
    """The receipt of one effect."""

    effect: Effect
    state: EffectState
    unanswered: int = 0
    """How many attempts the gateway has not answered, as long as the effect may have happened."""
    key: str
    """The idempotency key that the gateway was called with."""
    reference: str | None = None
    """The gateway's own ID, e.g. of the charge."""
    tracking_number: str | None = None
    at: Timestamp | None = None
    """When it was recorded; None if it was not."""
    link: str | None = None
    """The provider's page about it, if there is a template for such links."""

    @property
    def words(self) -> str:
        """The state for people, who know of no claims."""
        if self.state is EffectState.CLAIMED:
            return "may have happened" if self.unanswered else "did not happen"
        return self.state.words


def receipts_of(ref: SubmissionRef, journal: Journal, links: ProviderLinks) -> tuple[Receipt, ...]:
    """Return the receipt of each claimed effect, in the order in which the effects happen."""
    receipts: list[Receipt] = []
    for effect in Effect:
        if (entry := journal.get(effect)) is None or not (entry.attempts or entry.receipt):
            continue
        given = entry.receipt or {}
        told: dict[str, str | None] = {
            "key": ref.key(effect),
            "reference": next((given[name] for name in _REFERENCES if given.get(name)), None),
            "tracking_number": given.get("tracking_number"),
        }
        link = links.link_of(STEP_OF[effect], order_id=ref.order_id, **told)
        unanswered = entry.unanswered if entry.state is EffectState.CLAIMED else 0  # else the state tells
        receipt = {"effect": effect, "state": entry.state, "unanswered": unanswered, **told}
        receipts.append(Receipt.model_validate({**receipt, "at": entry.done_at, "link": link}))
    return tuple(receipts)


class OrderDetails(OrderProgress):
    batch: str | None = None
    """Name of the batch that started it."""
    total: str | None = None
    """Decimal text. None before payment has begun."""
    currency: str | None = None
    timeline: Timeline = Timeline()
    contents: dict[str, Any] | None = None
    """The order's document, from the input of its workflow. None once Temporal has forgotten that."""
    contents_until: Timestamp | None = None
    """When Temporal may forget an order that has closed, and its contents with it."""
    receipts: tuple[Receipt, ...] = ()
    attempts: tuple[AttemptMade, ...] = ()
    """The attempts that failed, and those that succeeded after failures."""
    answered: tuple[AnswerRecord, ...] = ()
    """What people have answered, with the time."""

    @property
    def document(self) -> dict[str, Any]:
        """The order's document, to run it again. Raises UnknownOrder once Temporal has forgotten it."""
        if self.contents is None:
            raise UnknownOrder(
                f"Temporal has forgotten what {self.order_id} holds: submit it with its contents"
            )
        return self.contents


async def details_of(
    order: OrderProgress,
    book: SqlOrderBook,
    runs: TemporalOrderRuns,
    links: ProviderLinks,
    known: OrderDetails | None = None,
) -> OrderDetails:
    """Return the order in full. If no server answers, its contents are those `known`: they never change."""
    ref = SubmissionRef(order_id=order.order_id, submission=order.submission or "", fingerprint="")
    journal, (attempts, answered) = await book.journal(ref), await book.history(ref)
    contents = known.contents if known and known.submission == order.submission else None
    until = None
    async with if_it_answers_soon(runs.temporal):
        if contents is None and order.submission and (found := await runs.order_of(ref)):
            contents = order_document(found)
        if contents is not None and order.closed_at and (kept := (await runs.server()).retention):
            until = order.closed_at + kept
    listed = (await book.orders(OrderFilter(order_ids=[order.order_id]), limit=1)).rows
    same = [row.model_dump(include=_AS_LISTED) for row in listed if row.submission == order.submission]
    return OrderDetails(
        **dict(order),
        **(same[0] if same else {}),
        timeline=timeline_of(order, journal, attempts),
        contents=contents,
        contents_until=until,
        receipts=receipts_of(ref, journal, links),
        attempts=tuple(attempts),
        answered=tuple(answered),
    )
