"""What the gateways have given for an order, as the book has it: the IDs by which a person finds it there."""

from order_system.domain.book import EffectState, JournalEntry
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
    entries = (journal[effect] for effect in Effect if effect in journal)
    return tuple(_receipt(ref, entry, links) for entry in entries if entry.attempts or entry.receipt)


def _receipt(ref: SubmissionRef, entry: JournalEntry, links: ProviderLinks) -> Receipt:
    given, key = entry.receipt or {}, ref.key(entry.effect)
    reference: str | None = next((given[name] for name in _REFERENCES if given.get(name)), None)
    tracking_number: str | None = given.get("tracking_number")
    return Receipt(
        effect=entry.effect,
        state=entry.state,
        key=key,
        reference=reference,
        tracking_number=tracking_number,
        at=entry.done_at,
        link=links.link_of(
            STEP_OF[entry.effect],
            reference=reference,
            tracking_number=tracking_number,
            order_id=ref.order_id,
            key=key,
        ),
    )
