"""The account of each submission: what the book says about it, beside what the outside world says."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from order_system.domain.book import EffectState, JournalEntry, Ledger, SubmissionRecord, SubmissionStatus
from order_system.domain.gateways import (
    AuthorisationEntry,
    ChargeEntry,
    NoticeEntry,
    PaymentElsewhere,
    ReservationEntry,
    ShipmentEntry,
    Statement,
)
from order_system.domain.ids import GATEWAY_CHECK, split_key
from order_system.domain.money import format_amount
from order_system.domain.order import CapturedElsewhere, PaymentReceipt, paid_already
from order_system.domain.refunds import Refund, RefundState
from order_system.domain.steps import Effect

MONEY = (Effect.CHARGE, Effect.CAPTURE)


@dataclass
class Account:
    record: SubmissionRecord
    journal: dict[Effect, JournalEntry]
    told: Set[Effect]
    """The effects that the world tells about. About all others its silence means nothing."""
    gives_back: bool = False
    """True once the undo of the charge has begun, which comes before any refund."""
    completed: bool = False
    """True if the submission is open in the book although its workflow has completed."""
    charges: list[ChargeEntry] = field(default_factory=list[ChargeEntry])
    authorisations: list[AuthorisationEntry] = field(default_factory=list[AuthorisationEntry])
    reservations: list[ReservationEntry] = field(default_factory=list[ReservationEntry])
    shipments: list[ShipmentEntry] = field(default_factory=list[ShipmentEntry])
    notices: list[NoticeEntry] = field(default_factory=list[NoticeEntry])
    refunds_done: int = 0
    refunds_asked: int = 0
    """By the book, in minor units: what a fulfilled order gave back, and what it may have, including that."""
    payment: PaymentElsewhere | None = None
    """The payment by which the order is paid already, as the world has it."""

    def __str__(self) -> str:
        return f"{self.record.ref.order_id} (submission {self.record.ref.submission}, {self.record.status})"

    def at(self, effect: Effect) -> str:
        """Say for people whose effect it is, and under which key to look for it at the gateway."""
        return f"{self}, key {self.record.ref.key(effect)}"

    @property
    def undone(self) -> bool:
        return self.record.status not in (SubmissionStatus.OPEN, SubmissionStatus.FULFILLED)

    @property
    def fulfilled(self) -> bool:
        return self.record.status is SubmissionStatus.FULFILLED

    @property
    def paid_already(self) -> PaymentReceipt | None:
        """The book's receipt of the payment, if it was captured elsewhere."""
        charge = self.journal.get(Effect.CHARGE)
        return paid_already(charge.receipt) if charge else None

    @property
    def captured_later(self) -> bool:
        """True if the charge is an authorisation, and another effect takes the money."""
        charge = self.journal.get(Effect.CHARGE)
        is_held = charge is not None and charge.receipt is not None and charge.receipt.get("held", False)
        return is_held or Effect.CAPTURE in self.journal

    @property
    def takes_money(self) -> Effect:
        return Effect.CAPTURE if self.captured_later else Effect.CHARGE

    @property
    def holds_money(self) -> bool:
        """True if an authorisation holds money."""
        return any(each.state == "held" for each in self.authorisations)

    def given_back_of(self, receipt: PaymentReceipt) -> int:
        """Return how much of the payment is, or by now may be, given back, by the book, in minor units."""
        return receipt.amount if self.gives_back else self.refunds_asked

    @property
    def captured(self) -> int:
        """Minor units, captured by us or elsewhere."""
        return sum(charge.amount for charge in self.charges)

    @property
    def refunded(self) -> int:
        """Minor units."""
        return sum(charge.refunded for charge in self.charges)

    @property
    def unexplained(self) -> int:
        """The minor units by which the world gave back more, or less, than the refunds in the book. The world
        may or may not know of refunds that are under way, or that a person handled."""
        return self.refunded - min(max(self.refunded, self.refunds_done), self.refunds_asked)

    @property
    def money(self) -> str:
        """What was captured and given back, for people."""
        by_book = f" ({self._amount(self.refunds_asked)} by the book)" if self.refunds_asked else ""
        return f"captured {self._amount(self.captured)}, refunded {self._amount(self.refunded)}{by_book}"

    @property
    def total(self) -> str:
        """The order's total, for people."""
        return "unknown" if self.record.total is None else self._amount(self.record.total)

    def _amount(self, minor_units: int) -> str:
        currency = self.record.currency
        return f"{minor_units} minor units" if currency is None else format_amount(minor_units, currency)

    def stock(self, state: str) -> bool:
        return any(reservation.state == state for reservation in self.reservations)

    def parcel(self, state: str) -> bool:
        return any(shipment.state == state for shipment in self.shipments)

    @property
    def key(self) -> tuple[str, str]:
        return _key_of(self.record)

    def handled(self, *effects: Effect) -> bool:
        """True if a person handled one of these: the gateways did not see it, and cannot tell."""
        return EffectState.HANDLED in [self.journal[each].state for each in effects if each in self.journal]

    def unseen(self, *effects: Effect) -> bool:
        """True if the world cannot tell about one of these."""
        return not self.told >= {*effects} or self.handled(*effects)

    def happened(self, effect: Effect) -> int:
        """Return how often the world says that the effect happened, reversed or not."""
        authorised = len(self.authorisations) if self.captured_later else len(self.charges)
        happened = {
            Effect.CHARGE: authorised,
            Effect.CAPTURE: len(self.charges) if self.captured_later else 0,
            Effect.RESERVE: len(self.reservations),
            Effect.LABEL: len(self.shipments),
            Effect.DISPATCH: sum(shipment.state == "dispatched" for shipment in self.shipments),
            Effect.COMMIT: sum(reservation.state == "committed" for reservation in self.reservations),
            Effect.NOTIFY: len(self.notices),
        }
        return happened[effect]

    def reversed(self, effect: Effect) -> bool:
        """True if the world says that nothing is left of an effect that happened."""
        if effect in (Effect.CHARGE, Effect.CAPTURE):
            return self.captured == self.refunded and not self.holds_money
        if effect is Effect.RESERVE:
            return not self.stock("reserved") and not self.stock("committed")
        if effect is Effect.LABEL:
            return not self.parcel("bought") and not self.parcel("dispatched")
        return False


@dataclass(frozen=True)
class Books:
    """The book and the world, sorted by submission."""

    accounts: list[Account]
    claims: set[tuple[str, str, Effect]]
    """Order ID, submission, effect: those that any attempt has ever claimed."""
    strangers: list[str]
    """Keys that the world knows, of submissions that the book does not know."""
    statement: Statement
    refunds: Mapping[str, Sequence[Refund]]
    """Those of the ledger, by order."""


_TOLD_BY_KEY = {
    "authorisations": Effect.CHARGE,
    "charges": Effect.CHARGE,
    "reservations": Effect.RESERVE,
    "shipments": Effect.LABEL,
    "notices": Effect.NOTIFY,
}
"""The lists that statement and account have in common, by name, and whose key their entries have."""


def draw_up(
    ledger: Ledger, statement: Statement, later: Ledger, completed: Set[tuple[str, str]] = frozenset()
) -> Books:
    """Sort both by submission. From `later`, taken after the statement, only claims and refunds are read, and
    which undos of a charge have begun.
    `completed` has order ID and submission of those open in the book whose workflow has completed."""
    accounts: dict[tuple[str, str], Account] = {}
    charges = ((_key_of(record), journal.get(Effect.CHARGE)) for record, journal in later.entries)
    giving_back = {key for key, charge in charges if charge and charge.fenced_at}
    for record, journal in ledger.entries:
        # A charge that is an authorisation may not be part of what the statement tells.
        authorised_alone = Effect.CAPTURE in journal and statement.authorisations is None
        told = statement.told - {Effect.CHARGE} if authorised_alone else statement.told
        key = _key_of(record)
        accounts[key] = Account(record, journal, told, key in giving_back, key in completed)
        if not accounts[key].undone:  # also one that was fulfilled only since the ledger was taken
            done, asked = (each.refunds.get(key[0], ()) for each in (ledger, later))
            refunded = (each.amount for each in done if each.state is RefundState.REFUNDED)
            accounts[key].refunds_done = sum(refunded)
            accounts[key].refunds_asked = sum(
                each.amount for each in asked if each.state is not RefundState.REFUSED
            )
    claims = {
        (*_key_of(record), effect)
        for record, journal in (*ledger.entries, *later.entries)
        for effect, entry in journal.items()
        if entry.claimed_at is not None
    }
    strangers: list[str] = []

    def account_of(key: str, effect: Effect) -> Account | None:
        """Return the key's account. None for a stranger, and for a submission opened since the ledger."""
        owner = _owner_of(key, effect)
        account = accounts.get(owner) if owner else None
        unclaimed = owner is None or (*owner, effect) not in claims
        if account is None and unclaimed and not key.startswith(GATEWAY_CHECK):
            strangers.append(key)
        return account

    for name, effect in _TOLD_BY_KEY.items():
        for entry in getattr(statement, name) or ():
            key = entry.label_key if effect is Effect.LABEL else entry.key
            if account := account_of(key, effect):
                getattr(account, name).append(entry)
    payments = {payment.reference: payment for payment in statement.payments}
    refunds = {payment.reference: payment.refunded for payment in statement.payments}
    # Those last of whose refunds the world may not know: they must not take the refunds of others.
    for account in sorted(accounts.values(), key=lambda each: each.refunds_asked - each.refunds_done):
        _count_as_charge(account, payments, refunds)
    return Books(list(accounts.values()), claims, strangers, statement, ledger.refunds)


def _count_as_charge(
    account: Account, payments: Mapping[str, PaymentElsewhere], refunds: dict[str, int]
) -> None:
    """Count, for an order that is paid already, its share of the payment and of what is left of the payment's
    refunds. The invariants check the whole. If no gateway can look a payment up, the book is believed."""
    if (receipt := account.paid_already) is None:
        return
    payment = account.payment = payments.get(receipt.charge_id)
    key = account.record.ref.key(Effect.CHARGE)
    if payment is not None:
        refunded = min(refunds[payment.reference], account.given_back_of(receipt))
        refunds[payment.reference] -= refunded
        account.charges.append(ChargeEntry(key, min(payment.amount, receipt.amount), refunded))
    elif receipt.captured_elsewhere is CapturedElsewhere.AT_ITS_WORD:
        account.charges.append(ChargeEntry(key, receipt.amount, 0))


def _key_of(record: SubmissionRecord) -> tuple[str, str]:
    return record.ref.order_id, record.ref.submission


def _owner_of(key: str, effect: Effect) -> tuple[str, str] | None:
    """Return order ID and submission, or None if this is no key of such an effect."""
    try:
        order_id, submission, kind = split_key(key)
    except ValueError:
        return None
    return (order_id, submission) if kind is effect else None
