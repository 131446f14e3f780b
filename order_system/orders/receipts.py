"""What the gateways have given for an order, as the book has it: the IDs by which a person finds it there."""

from order_system.domain.book import EffectState
from order_system.domain.journal import Journal
from order_system.domain.order import SubmissionRef, Wire
from order_system.domain.progress import Timestamp
from order_system.domain.steps import STEP_OF, Effect
from order_system.infra.provider_links import ProviderLinks

_REFERENCES = ("charge_id", "label_id", "reservation_id", "tracking_number", "message_id")
"""Fields of receipts that hold the gateway's own ID, the one that tells most first."""


class Receipt(Wire):
    """Of one effect. Without a reference, an attempt may have reached the gateway and was not answered."""

    effect: Effect
    state: EffectState
    key: str
    """The idempotency key that the gateway was called with."""
    reference: str | None = None
    """The gateway's own ID, e.g. of the charge."""
    tracking_number: str | None = None
    at: Timestamp | None = None
    """When it was recorded; None if it was not."""
    link: str | None = None
    """The provider's page about it, if there is a template for that."""


def receipts_of(ref: SubmissionRef, journal: Journal, links: ProviderLinks) -> tuple[Receipt, ...]:
    """Of each effect that was claimed, in the order in which they happen."""
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
        receipt = {"effect": effect, "state": entry.state, "at": entry.done_at, "link": link, **told}
        receipts.append(Receipt.model_validate(receipt))
    return tuple(receipts)
