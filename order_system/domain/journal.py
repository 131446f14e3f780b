"""What a submission's journal says about its parcel and its money."""

from collections.abc import Mapping

from order_system.domain.book import EffectState, JournalEntry
from order_system.domain.order import PaymentReceipt
from order_system.domain.steps import Effect

Journal = Mapping[Effect, JournalEntry]


def parcel_is_gone(journal: Journal) -> bool:
    """True if the carrier says so, or a person who has made sure of it."""
    if (dispatch := journal.get(Effect.DISPATCH)) is None:
        return False
    by_hand = dispatch.state is EffectState.HANDLED and dispatch.receipt is not None
    return dispatch.state is EffectState.DONE or by_hand


def shipment_is_voided(journal: Journal) -> bool:
    """True if shipping's undo, or a person for it, has answered that no parcel has gone, and none can."""
    dispatch = journal.get(Effect.DISPATCH)
    return dispatch is not None and dispatch.undo_ended_at is not None and not parcel_is_gone(journal)


def state_in(journal: Journal, effect: Effect) -> EffectState | None:
    """Return the state of the effect; None if the journal has no entry for it."""
    return journal[effect].state if effect in journal else None


def waits_for_capture(journal: Journal) -> bool:
    """True until held money is captured: before that no parcel may go. A submission that is captured on
    dispatch has the entry from its opening on."""
    return state_in(journal, Effect.CAPTURE) not in (None, EffectState.DONE)


def was_voided(journal: Journal) -> bool:
    """True if the money was only held, and has been released."""
    states = state_in(journal, Effect.CHARGE), state_in(journal, Effect.CAPTURE)
    return states == (EffectState.UNDONE, EffectState.NEVER_HAPPENED)


def payment_in(journal: Journal) -> PaymentReceipt | None:
    """Return the receipt of the captured money, else of the money that is, or was, only held."""
    entries = (journal.get(effect) for effect in (Effect.CAPTURE, Effect.CHARGE))
    receipt = next((entry.receipt for entry in entries if entry and entry.receipt), None)
    back = state_in(journal, Effect.CAPTURE) is EffectState.UNDONE
    return PaymentReceipt.model_validate(receipt | ({"held": False} if back else {})) if receipt else None
