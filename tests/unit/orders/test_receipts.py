"""What the gateways gave, from the book, with the provider's own page."""

from order_system.domain.book import EffectState, JournalEntry
from order_system.domain.order import SubmissionRef
from order_system.domain.steps import Effect
from order_system.infra.links import ProviderLinks
from order_system.orders.details import receipts_of

REF = SubmissionRef(order_id="A", submission="s", fingerprint="f")


def test_each_effect_tells_its_id_at_the_gateway_its_key_and_its_page() -> None:
    links = ProviderLinks(
        payments_link="https://pay.example/{reference}", carrier_link="https://dhl.example/{tracking_number}"
    )
    journal = {
        Effect.DISPATCH: JournalEntry(
            Effect.DISPATCH, EffectState.DONE, 1, receipt={"carrier": "DHL", "tracking_number": "T1"}
        ),
        Effect.CHARGE: JournalEntry(Effect.CHARGE, EffectState.DONE, 2, 1, receipt={"charge_id": "ch_1"}),
        Effect.RESERVE: JournalEntry(Effect.RESERVE, EffectState.IN_DOUBT, 1),
        Effect.CAPTURE: JournalEntry(Effect.CAPTURE, EffectState.CLAIMED),
        Effect.LABEL: JournalEntry(Effect.LABEL, EffectState.CLAIMED, 2, unanswered=1),
        Effect.NOTIFY: JournalEntry(Effect.NOTIFY, EffectState.CLAIMED, 1),
    }

    charge, reserve, label, dispatch, notify = receipts_of(REF, journal, links)

    assert (charge.reference, charge.key, charge.link) == ("ch_1", "A:s:charge", "https://pay.example/ch_1")
    assert (reserve.reference, reserve.state, reserve.link) == (None, EffectState.IN_DOUBT, None)
    assert (label.words, label.unanswered) == ("may have happened", 1)
    assert (notify.words, notify.unanswered) == ("did not happen", 0), "each attempt was a definite no"
    assert (charge.words, charge.unanswered, reserve.words) == ("done", 0, "in doubt")
    assert (dispatch.tracking_number, dispatch.link) == ("T1", "https://dhl.example/T1")
