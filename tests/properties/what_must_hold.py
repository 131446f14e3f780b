"""What must hold after every step: the audit, the model, and that what is settled stays so."""

from collections import Counter
from dataclasses import dataclass, field

from order_system.audit.report import audit
from order_system.domain.book import EffectState, JournalEntry, Ledger, SubmissionRecord, SubmissionStatus
from order_system.domain.gateways import Statement
from order_system.domain.order import PaymentReceipt
from order_system.domain.steps import Effect
from tests.properties.bench import Bench
from tests.properties.model import Model

Key = tuple[str, str]


@dataclass
class WhatHasBeenSeen:
    """For what must never change again."""

    known: set[Key] = field(default_factory=set)
    closed: dict[Key, SubmissionStatus] = field(default_factory=dict)
    journal: dict[tuple[Key, Effect], JournalEntry] = field(default_factory=dict)


def check_everything(bench: Bench, seen: WhatHasBeenSeen) -> Ledger:
    ledger, statement = bench.statements()
    broken = [line for check in audit(ledger, statement).checks for line in check.violations]
    assert not broken, "\n".join(broken)
    _the_world_is_as_the_model_says(statement, bench.model)
    _each_order_is_paid_for_once(ledger, bench.model)
    for record, journal in ledger.entries:
        _agrees_with_its_status(record, journal, bench.model)
        _stays_settled(record, journal, seen)
    _none_opens_behind_its_successor(ledger, seen)
    return ledger


def _the_world_is_as_the_model_says(statement: Statement, model: Model) -> None:
    payments = {each.reference: (each.amount, each.refunded) for each in statement.payments}
    assert payments == {
        reference: (amount, model.given_back.get(reference, 0))
        for reference, amount in model.payments.items()
    }
    charges = {charge.key: (charge.amount, charge.refunded) for charge in statement.charges}
    assert charges == {key: (amount, model.refunded.get(key, 0)) for key, amount in model.captured.items()}
    assert len(charges) == len(statement.charges)
    assert {each.key: each.state for each in statement.authorisations} == model.authorisations()
    assert {entry.key: entry.state for entry in statement.reservations} == model.reservations
    labels = {shipment.label_key: shipment.state for shipment in statement.shipments}
    assert labels.items() <= model.labels.items()
    assert {key for key, state in model.labels.items() if state != "voided"} <= labels.keys()
    assert {notice.key: notice.kind for notice in statement.notices} == model.notices
    reserved, shipped = model.counted("reserved"), model.counted("committed")
    for entry in statement.stock:
        expected = (model.on_hand[entry.sku], reserved[entry.sku], shipped[entry.sku])
        assert (entry.on_hand, entry.reserved, entry.shipped) == expected
        assert entry.initial == sum(expected)


def _each_order_is_paid_for_once(ledger: Ledger, model: Model) -> None:
    """The money of an earlier submission is back, or free again, before a later one takes or holds any."""
    paying = Counter(
        record.ref.order_id
        for record, journal in ledger.entries
        if _kept(record, journal, model) or model.holds(_key(record, Effect.CHARGE))
    )
    assert not paying or max(paying.values()) == 1, paying


def _kept(record: SubmissionRecord, journal: dict[Effect, JournalEntry], model: Model) -> int:
    """Of a charge or of a payment made elsewhere; none of one that a person has given back."""
    key, entry = _key(record, Effect.CHARGE), journal.get(Effect.CHARGE)
    receipt = PaymentReceipt.model_validate(entry.receipt) if entry and entry.receipt else None
    if receipt is None or entry is None or receipt.captured_elsewhere is None:
        return model.kept(key)
    assert key not in model.captured, f"{key}: charged, although paid already"
    gone = receipt.charge_id in model.given_back or entry.state is EffectState.HANDLED
    return 0 if gone else receipt.amount


def _agrees_with_its_status(
    record: SubmissionRecord, journal: dict[Effect, JournalEntry], model: Model
) -> None:
    kept, held = _kept(record, journal, model), model.holds(_key(record, Effect.CHARGE))
    stock = model.reservations.get(_key(record, Effect.RESERVE))
    label = model.labels.get(_key(record, Effect.LABEL))
    if record.status is SubmissionStatus.FULFILLED:
        assert (kept, held, stock, label) == (record.total, 0, "committed", "dispatched")
    elif record.status is not SubmissionStatus.OPEN:
        assert kept == held == 0
        assert stock in (None, "released")
        assert label in (None, "voided")


def _none_opens_behind_its_successor(ledger: Ledger, seen: WhatHasBeenSeen) -> None:
    """No workflow would be there to carry it on, or to undo it. Submissions are numbered s1, s2, ..."""
    for record, _ in ledger.entries:
        key = record.ref.order_id, record.ref.submission
        if key not in seen.known and record.status is SubmissionStatus.OPEN:
            assert not any(other[0] == key[0] and other[1] > key[1] for other in seen.known), (
                f"{key} opened late"
            )
    seen.known |= {(record.ref.order_id, record.ref.submission) for record, _ in ledger.entries}


def _stays_settled(
    record: SubmissionRecord, journal: dict[Effect, JournalEntry], seen: WhatHasBeenSeen
) -> None:
    submission = record.ref.order_id, record.ref.submission
    if record.status is not SubmissionStatus.OPEN:
        assert seen.closed.setdefault(submission, record.status) is record.status
    for effect, entry in journal.items():
        before = seen.journal.get((submission, effect))
        if before is not None:
            assert before.receipt is None or before.receipt == entry.receipt
            if before.fenced_at is not None:
                assert (entry.fenced_at, entry.attempts) == (before.fenced_at, before.attempts), (
                    "claimed behind its fence"
                )
            if before.undo_ended_at is not None:
                ended = before.state is EffectState.IN_DOUBT and entry.state is EffectState.UNDONE
                assert entry.undo_ended_at == before.undo_ended_at or ended
                assert entry.state is before.state or ended, "only the reconciler ends a doubt"
        seen.journal[submission, effect] = entry


def _key(record: SubmissionRecord, effect: Effect) -> str:
    return record.ref.key(effect)
