"""One submission's account: what the book says of it, beside what the outside world says."""

from collections.abc import Mapping, Set
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
    StockEntry,
)
from order_system.domain.ids import GATEWAY_CHECK, split_key
from order_system.domain.journal import Journal
from order_system.domain.money import format_amount
from order_system.domain.order import CapturedElsewhere, PaymentReceipt, paid_already
from order_system.domain.refunds import RefundState
from order_system.domain.steps import Effect


@dataclass
class Account:
    record: SubmissionRecord
    journal: dict[Effect, JournalEntry]
    told: Set[Effect]
    """What the world tells of. Of all else its silence means nothing."""
    charges: list[ChargeEntry] = field(default_factory=list[ChargeEntry])
    authorisations: list[AuthorisationEntry] = field(default_factory=list[AuthorisationEntry])
    reservations: list[ReservationEntry] = field(default_factory=list[ReservationEntry])
    shipments: list[ShipmentEntry] = field(default_factory=list[ShipmentEntry])
    notices: list[NoticeEntry] = field(default_factory=list[NoticeEntry])
    refunds_done: int = 0
    refunds_asked: int = 0
    """Minor units that it gave back after the fact, says the book; and with those that it may have."""
    payment: PaymentElsewhere | None = None
    """By which the order is paid already, as the world has it."""

    def __str__(self) -> str:
        return f"{self.record.ref.order_id} (submission {self.record.ref.submission}, {self.record.status})"

    def at(self, effect: Effect) -> str:
        """Whose effect, and under which key to look for it at the gateway. For people."""
        return f"{self}, key {self.record.ref.key(effect)}"

    @property
    def undone(self) -> bool:
        return self.record.status not in (SubmissionStatus.OPEN, SubmissionStatus.FULFILLED)

    @property
    def fulfilled(self) -> bool:
        return self.record.status is SubmissionStatus.FULFILLED

    @property
    def paid_already(self) -> PaymentReceipt | None:
        """What the book has of the payment, if it was not us who captured it."""
        charge = self.journal.get(Effect.CHARGE)
        return paid_already(charge.receipt) if charge else None

    @property
    def captured_later(self) -> bool:
        """Its charge is an authorisation, and what takes the money is another effect."""
        return Effect.CAPTURE in self.journal

    @property
    def takes_money(self) -> Effect:
        return Effect.CAPTURE if self.captured_later else Effect.CHARGE

    @property
    def holds_money(self) -> bool:
        """By an authorisation."""
        return any(each.state == "held" for each in self.authorisations)

    def given_back_of(self, receipt: PaymentReceipt) -> int:
        """Minor units, says the book."""
        charge = self.journal.get(Effect.CHARGE)
        gave_back = charge is not None and charge.state is EffectState.UNDONE
        return receipt.amount if gave_back else self.refunds_asked

    @property
    def captured(self) -> int:
        """Minor units, by us or elsewhere."""
        return sum(charge.amount for charge in self.charges)

    @property
    def refunded(self) -> int:
        """Minor units."""
        return sum(charge.refunded for charge in self.charges)

    @property
    def unexplained(self) -> int:
        """Minor units by which the world gave back more, or less, than the book says of refunds after the
        fact. Of those that are under way, or that a person handled, the world may know or not."""
        return self.refunded - min(max(self.refunded, self.refunds_done), self.refunds_asked)

    @property
    def money(self) -> str:
        """For people."""
        by_book = f" ({self._amount(self.refunds_asked)} by the book)" if self.refunds_asked else ""
        return f"captured {self._amount(self.captured)}, refunded {self._amount(self.refunded)}{by_book}"

    @property
    def total(self) -> str:
        """For people."""
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
        """A person handled one of these, out of sight of the gateways: they cannot bear witness."""
        return EffectState.HANDLED in [self.journal[each].state for each in effects if each in self.journal]

    def unseen(self, *effects: Effect) -> bool:
        """The world cannot bear witness to one of these, whatever it says."""
        return not self.told >= {*effects} or self.handled(*effects)

    def happened(self, effect: Effect) -> int:
        """How often the world says so, reversed or not."""
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
        """Whether the world says that the effect happened and that nothing of it is left."""
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
    """Order ID, submission, effect: what any attempt was ever let through to."""
    strangers: list[str]
    """Keys that the world knows, of submissions that the book does not."""
    reservations: tuple[ReservationEntry, ...] | None
    stock: tuple[StockEntry, ...] | None
    """Of both, None: the world does not tell."""
    completed: Set[tuple[str, str]]
    """Order ID, submission: open in the book, although its workflow has completed."""


def draw_up(
    ledger: Ledger, statement: Statement, later: Ledger, completed: Set[tuple[str, str]] = frozenset()
) -> Books:
    """In `later`, the ledger after the statement, only claims are looked for, and what was asked for."""
    accounts = {
        _key_of(record): Account(record, journal, _told_of(journal, statement))
        for record, journal in ledger.entries
    }
    for account in accounts.values():
        _count_refunds(account, ledger, later)
    claims = {
        (*_key_of(record), effect)
        for record, journal in (*ledger.entries, *later.entries)
        for effect, entry in journal.items()
        if entry.claimed_at is not None
    }
    strangers: list[str] = []

    def account_of(key: str, effect: Effect) -> Account | None:
        """None for a stranger, and for a submission that was opened since the ledger was taken."""
        owner = _owner_of(key, effect)
        account = accounts.get(owner) if owner else None
        unclaimed = owner is None or (*owner, effect) not in claims
        if account is None and unclaimed and not key.startswith(GATEWAY_CHECK):
            strangers.append(key)
        return account

    for authorisation in statement.authorisations or ():
        if account := account_of(authorisation.key, Effect.CHARGE):
            account.authorisations.append(authorisation)
    for charge in statement.charges or ():
        if account := account_of(charge.key, Effect.CHARGE):
            account.charges.append(charge)
    payments = {payment.reference: payment for payment in statement.payments}
    refunds = {payment.reference: payment.refunded for payment in statement.payments}
    for account in accounts.values():
        _count_as_charge(account, payments, refunds)
    for reservation in statement.reservations or ():
        if account := account_of(reservation.key, Effect.RESERVE):
            account.reservations.append(reservation)
    for shipment in statement.shipments or ():
        if account := account_of(shipment.label_key, Effect.LABEL):
            account.shipments.append(shipment)
    for notice in statement.notices or ():
        if account := account_of(notice.key, Effect.NOTIFY):
            account.notices.append(notice)
    return Books(
        list(accounts.values()), claims, strangers, statement.reservations, statement.stock, completed
    )


def _count_refunds(account: Account, ledger: Ledger, later: Ledger) -> None:
    """After the fact; of an order that was fulfilled since the ledger was taken, too."""
    order_id = account.record.ref.order_id
    done, asked = (() if account.undone else each.refunds.get(order_id, ()) for each in (ledger, later))
    account.refunds_done = sum(each.amount for each in done if each.state is RefundState.REFUNDED)
    account.refunds_asked = sum(each.amount for each in asked if each.state is not RefundState.REFUSED)


def _count_as_charge(
    account: Account, payments: Mapping[str, PaymentElsewhere], refunds: dict[str, int]
) -> None:
    """What an order that is paid already takes of its payment, and of what is left of its refunds;
    whether all are some order's, the invariants tell. What no gateway can look up is as the book says."""
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


def _told_of(journal: Journal, statement: Statement) -> Set[Effect]:
    """Of an order that is captured later, the charge is an authorisation, which may be told of or not."""
    authorised_alone = Effect.CAPTURE in journal and statement.authorisations is None
    return statement.told - {Effect.CHARGE} if authorised_alone else statement.told


def _key_of(record: SubmissionRecord) -> tuple[str, str]:
    return record.ref.order_id, record.ref.submission


def _owner_of(key: str, effect: Effect) -> tuple[str, str] | None:
    """Order ID and submission, or None if this is no key of such an effect."""
    try:
        order_id, submission, kind = split_key(key)
    except ValueError:
        return None
    return (order_id, submission) if kind is effect else None
