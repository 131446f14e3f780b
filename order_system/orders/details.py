"""An order in full: where it stands, its contents, the gateways' receipts as the book has them, its attempts,
and what people have answered."""

from typing import Any

from order_system.domain.answers import AnswerRecord
from order_system.domain.book import EffectState
from order_system.domain.errors import UnknownOrder
from order_system.domain.journal import Journal
from order_system.domain.order import SubmissionRef, Wire
from order_system.domain.progress import AttemptMade, OrderProgress
from order_system.domain.steps import STEP_OF, Effect
from order_system.domain.wording import Timestamp
from order_system.infra.links import ProviderLinks
from order_system.orders.timeline import Timeline

_REFERENCES = ("charge_id", "label_id", "reservation_id", "tracking_number", "message_id")
"""The fields of receipts that hold the gateway's own ID, the most telling one first."""

AS_LISTED = {"batch", "total", "currency"}


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
