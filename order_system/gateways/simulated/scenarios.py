"""Stories to play on demand: a sample order whose data makes the simulated world behave so and so.

`starter.py --scenario NAME` and the README's table are made from `SCENARIOS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from order_system.domain.durations import parse_duration
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Address, Capture, Customer, Order, OrderLine
from order_system.domain.steps import Step
from order_system.gateways.simulated.behaviours import EXPIRES, MADE_UP, OUT_OF_STOCK

Place = Literal["payment_method", "sku", "second sku", "postal_code", "email"]
"""Where in an order a token stands; `sku` is the first line's."""


@dataclass(frozen=True)
class Scenario:
    story: str
    """One line."""
    failed_step: Step | None = None
    needs_attention: bool = False
    notice_fails: bool = False
    hold_on_failure: str | None = None
    """As in an order document: `1h`."""
    capture: Capture | None = None
    tokens: Mapping[Place, str] = field(default_factory=dict[Place, str])
    """ORDER in one stands for the order's ID."""

    @property
    def status(self) -> OrderStatus:
        """How the order ends, or stays."""
        if self.needs_attention:
            return OrderStatus.NEEDS_ATTENTION
        return OrderStatus.FAILED if self.failed_step else OrderStatus.FULFILLED


_NO_SUCH_ADDRESS: Mapping[Place, str] = {"postal_code": "00000"}
"""Makes shipping fail, after the card was charged and stock reserved: then there is something to undo."""

SCENARIOS: dict[str, Scenario] = {
    "ok": Scenario("everything works", tokens={"payment_method": "pm_card_ok"}),
    # --- payment ---
    "card-declined": Scenario(
        "the card is declined: nothing was charged, nothing has to be undone",
        Step.PAYMENT,
        tokens={"payment_method": "pm_card_declined"},
    ),
    "payment-answer-lost-once": Scenario(
        "the charge is made but its answer lost; asked again with the same key, it is not made twice",
        tokens={"payment_method": "pm_answer_lost_once"},
    ),
    "payment-answer-always-lost": Scenario(
        "the charge is made and no answer ever comes: the attempts run out, then one refund gives it back",
        Step.PAYMENT,
        tokens={"payment_method": "pm_answer_always_lost"},
    ),
    "payment-down-for-a-while": Scenario(
        "the payment gateway is down for two calls; the third one charges",
        tokens={"payment_method": "pm_gateway_down_for_a_while"},
    ),
    "payment-down": Scenario(
        "the payment gateway is never reached: the attempts run out, and nothing was charged",
        Step.PAYMENT,
        tokens={"payment_method": "pm_gateway_down"},
    ),
    "refund-fails-thrice": Scenario(
        "the address is refused and the refund fails three times; the fourth one works",
        Step.SHIPPING,
        tokens={"payment_method": "pm_refund_fails_thrice", **_NO_SUCH_ADDRESS},
    ),
    "refund-answer-lost-once": Scenario(
        "the address is refused and the refund's answer lost; asked again, the money is not given twice",
        Step.SHIPPING,
        tokens={"payment_method": "pm_refund_answer_lost_once", **_NO_SUCH_ADDRESS},
    ),
    "refund-never": Scenario(
        "the address is refused and the refund never works: a person must answer; the stock is released",
        Step.SHIPPING,
        needs_attention=True,
        tokens={"payment_method": "pm_refund_never", **_NO_SUCH_ADDRESS},
    ),
    "paid-already": Scenario(
        "the card was charged in the shop: the payment is confirmed, and nothing charged",
        tokens={"payment_method": "paid:ch_ORDER"},
    ),
    "paid-already-and-undone": Scenario(
        "the address is refused: the gateway gives the payment back that was made in the shop",
        Step.SHIPPING,
        tokens={"payment_method": "paid:ch_ORDER", **_NO_SUCH_ADDRESS},
    ),
    "paid-by-nothing": Scenario(
        "the gateway knows no such payment: the order fails, and nothing has to be undone",
        Step.PAYMENT,
        tokens={"payment_method": f"paid:{MADE_UP}"},
    ),
    "paid-in-cash": Scenario(
        "the gateway cannot look that payment up: it is taken at its word, and a person must give it back",
        Step.SHIPPING,
        needs_attention=True,
        tokens={"payment_method": "paid:cash-ORDER", **_NO_SUCH_ADDRESS},
    ),
    "authorised-in-the-shop": Scenario(
        "the card was only authorised in the shop: it is captured when the parcel goes",
        tokens={"payment_method": "authorised:pi_ORDER"},
    ),
    "held-and-undone": Scenario(
        "the card is only authorised, and the address refused: the authorisation is voided, nothing charged",
        Step.SHIPPING,
        capture=Capture.ON_DISPATCH,
        tokens=_NO_SUCH_ADDRESS,
    ),
    "authorisation-expires": Scenario(
        "the money is held, and can no longer be captured: the label is voided, and nothing is owed",
        Step.SHIPPING,
        capture=Capture.ON_DISPATCH,
        tokens={"payment_method": EXPIRES},
    ),
    # --- inventory ---
    "out-of-stock": Scenario(
        "the first line is out of stock: the charge is refunded",
        Step.INVENTORY,
        tokens={"sku": OUT_OF_STOCK},
    ),
    "second-line-out-of-stock": Scenario(
        "the second line is out of stock: the first one is not kept either, and the charge is refunded",
        Step.INVENTORY,
        tokens={"second sku": OUT_OF_STOCK},
    ),
    "reserve-answer-always-lost": Scenario(
        "the stock is reserved and no answer ever comes: it is released, and the charge refunded",
        Step.INVENTORY,
        tokens={"sku": "RESERVE-ANSWER-LOST"},
    ),
    "release-never": Scenario(
        "the address is refused and the stock cannot be released: a person must answer; the money is back",
        Step.SHIPPING,
        needs_attention=True,
        tokens={"sku": "RELEASE-NEVER", **_NO_SUCH_ADDRESS},
    ),
    # --- shipping ---
    "address-refused": Scenario(
        "the carrier refuses the address: stock and money are given back",
        Step.SHIPPING,
        tokens=_NO_SUCH_ADDRESS,
    ),
    "dispatch-refused": Scenario(
        "the label is bought but the parcel not taken: the label is voided, stock and money given back",
        Step.SHIPPING,
        tokens={"postal_code": "00001"},
    ),
    "dispatch-answer-lost-once": Scenario(
        "the parcel is taken and the answer lost; asked again, it is the same parcel",
        tokens={"postal_code": "00002"},
    ),
    "dispatch-answer-always-lost": Scenario(
        "the parcel is taken and no answer ever comes: the undo finds it gone, so the order is fulfilled",
        tokens={"postal_code": "00003"},
    ),
    "void-never": Scenario(
        "the parcel is not taken and the label cannot be voided: a person must answer; stock and money wait",
        Step.SHIPPING,
        needs_attention=True,
        tokens={"postal_code": "00004"},
    ),
    "dispatch-refused-and-held": Scenario(
        "the parcel is not taken at first, and the order is held for a person: a retry of the step works",
        Step.SHIPPING,
        needs_attention=True,
        hold_on_failure="1h",
        tokens={"postal_code": "00005"},
    ),
    "commit-down": Scenario(
        "the parcel is gone but its stock cannot be committed: shipping's undo does it later; fulfilled",
        tokens={"sku": "COMMIT-DOWN"},
    ),
    # --- notification ---
    "mail-bounces": Scenario(
        "the mailer refuses the recipient: the order is fulfilled, and says that its notice failed",
        notice_fails=True,
        tokens={"email": "bounces@example.com"},
    ),
    "mailer-down": Scenario(
        "the mailer is never reached: the order is fulfilled, and says that its notice failed",
        notice_fails=True,
        tokens={"email": "mailer-down@example.com"},
    ),
}
"""By name, in the order in which they are told."""


def scenario_order(name: str, order_id: str) -> Order:
    """A sample order (two lines, 1059.97 USD) with the scenario's tokens. Raises ValueError if there is no
    such scenario; the message lists them."""
    scenario = SCENARIOS.get(name)
    if scenario is None:
        raise ValueError(f"there is no scenario {name!r}; there are: {', '.join(SCENARIOS)}")
    tokens = {place: token.replace("ORDER", order_id) for place, token in scenario.tokens.items()}
    return Order(
        order_id=order_id,
        currency="USD",
        customer=Customer(name="Ada", email=tokens.get("email", "ada@example.com")),
        payment_method=tokens.get("payment_method", "pm_card_ok"),
        shipping_address=Address(
            street="1 Main St",
            city="Portland",
            region="OR",
            postal_code=tokens.get("postal_code", "97201"),
            country="US",
        ),
        lines=(
            OrderLine(sku=tokens.get("sku", "LAPTOP-789"), quantity=1, unit_price=99999),
            OrderLine(sku=tokens.get("second sku", "MOUSE-321"), quantity=2, unit_price=2999),
        ),
        hold_on_failure=parse_duration(scenario.hold_on_failure) if scenario.hold_on_failure else None,
        capture=scenario.capture,
    )
