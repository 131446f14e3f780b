"""The outside world as a few dictionaries: what must come of each call, said in the plainest way."""

from collections import Counter
from dataclasses import dataclass, field

from order_system.domain.order import PaymentReceipt

Lines = tuple[tuple[str, int], ...]
"""SKU and quantity."""


@dataclass
class Model:
    on_hand: dict[str, int] = field(default_factory=dict)
    captured: dict[str, int] = field(default_factory=dict)
    refunded: dict[str, int] = field(default_factory=dict)
    payments: dict[str, int] = field(default_factory=dict)
    """Made elsewhere, by their references: amounts."""
    given_back: dict[str, int] = field(default_factory=dict)
    """Of those: amounts."""
    authorised: dict[str, int] = field(default_factory=dict)
    """By the key of the charge: amounts."""
    voided: set[str] = field(default_factory=set)
    """Keys of charges: also of voids that came before their authorisation, or without one."""
    authorised_elsewhere: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    """By reference: amount, and the key of the charge that has taken it over."""
    reservations: dict[str, str] = field(default_factory=dict)
    lines: dict[str, Lines] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    """Of voids as well that came before their label, or without one."""
    notices: dict[str, str] = field(default_factory=dict)

    def charge(self, key: str, amount: int) -> int:
        return self.captured.setdefault(key, amount)

    def refund(self, key: str, receipt: PaymentReceipt | None) -> int | None:
        if receipt and receipt.captured_elsewhere:
            known = receipt.charge_id in self.payments
            return self.given_back.setdefault(receipt.charge_id, receipt.amount) if known else None
        if key not in self.captured:
            return None
        self.refunded[key] = self.captured[key]
        return self.refunded[key]

    def find_payment(self, reference: str, amount: int) -> int | None:
        """None if it cannot be looked up. The first who asks for one that can is the one who has paid it."""
        return self.payments.setdefault(reference, amount) if reference.startswith("ch_") else None

    def authorise(self, key: str, amount: int) -> int | bool:
        """False is a no."""
        return False if key in self.voided else self.authorised.setdefault(key, amount)

    def take_over(self, key: str, reference: str, amount: int) -> int | bool:
        """False is a no. The first who asks for one is the one for whose amount it was made."""
        if key not in self.authorised and key not in self.voided:
            held, taken_by = self.authorised_elsewhere.setdefault(reference, (amount, None))
            if held != amount or taken_by is not None:
                return False
            self.authorised_elsewhere[reference] = held, key
        return self.authorise(key, amount)

    def capture(self, key: str) -> int | bool:
        """False is a no."""
        if key in self.voided or key not in self.authorised:
            return self.captured.get(key, False)
        return self.charge(key, self.authorised[key])

    def void_payment(self, key: str) -> int | str:
        """What is captured; else whether anything was authorised."""
        if key in self.captured:
            return self.captured[key]
        self.voided.add(key)
        return "voided" if key in self.authorised else "nothing to void"

    def reserve(self, key: str, lines: Lines) -> bool:
        if key not in self.reservations:
            if any(self.on_hand[sku] < quantity for sku, quantity in lines):
                return False
            self._move(lines, -1)
            self.reservations[key], self.lines[key] = "reserved", lines
        return True

    def release(self, key: str) -> bool | None:
        """None if there is no such reservation."""
        if self.reservations.get(key) == "reserved":
            self._move(self.lines[key], +1)
            self.reservations[key] = "released"
        assert self.reservations.get(key) != "committed", f"{key}: released, yet the parcel has left with it"
        return True if key in self.reservations else None

    def commit(self, key: str) -> bool:
        assert self.reservations.get(key) in ("reserved", "committed"), f"{key}: committed, yet not reserved"
        self.reservations[key] = "committed"
        return True

    def buy_label(self, key: str) -> bool:
        return self.labels.setdefault(key, "bought") != "voided"

    def dispatch(self, label_key: str) -> bool:
        if self.labels.get(label_key) == "bought":
            self.labels[label_key] = "dispatched"
        return self.labels.get(label_key) == "dispatched"

    def void(self, label_key: str) -> bool:
        """Whether the parcel is gone."""
        if self.labels.get(label_key) != "dispatched":
            self.labels[label_key] = "voided"
        return self.labels[label_key] == "dispatched"

    def send(self, key: str, kind: str) -> str:
        return self.notices.setdefault(key, kind)

    def kept(self, key: str) -> int:
        return self.captured.get(key, 0) - self.refunded.get(key, 0)

    def holds(self, key: str) -> int:
        """By an authorisation that was neither captured nor voided."""
        return 0 if key in self.voided or key in self.captured else self.authorised.get(key, 0)

    def authorisations(self) -> dict[str, str]:
        """States by keys."""
        states = {key: "captured" if key in self.captured else "held" for key in self.authorised}
        return {key: "voided" if key in self.voided else state for key, state in states.items()}

    def counted(self, state: str) -> Counter[str]:
        """Pieces of each SKU in reservations of that state."""
        pieces: Counter[str] = Counter()
        for key, current in self.reservations.items():
            if current == state:
                pieces.update(dict(self.lines[key]))
        return pieces

    def _move(self, lines: Lines, sign: int) -> None:
        for sku, quantity in lines:
            self.on_hand[sku] += sign * quantity
