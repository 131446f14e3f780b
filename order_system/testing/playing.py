"""What a promise is played with: gateway calls, their trace, and what shows how often each was done."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import chain
from multiprocessing.connection import Connection
from random import Random
from time import perf_counter
from typing import Any
from uuid import uuid4

from order_system.audit.invariants import stock_adds_up, stock_agrees_with_reservations
from order_system.domain.errors import NotReached, OrderSystemError, as_ours
from order_system.domain.gateways import NotCaptured, Statement, StatementOfAccounts, Voided
from order_system.domain.ids import GATEWAY_CHECK, Key
from order_system.domain.order import PaymentReceipt, Wire
from order_system.domain.policy import GATEWAY_CALL
from order_system.testing import policy
from order_system.testing.answers import NO_RECEIPT, OTHER_DATA, Answer, Broken, Call, NotShown
from order_system.testing.severing import CUT_OFF, IN_A_CALL, severed

THERE = "in another process: "
"""The `how` of a call that another process has to make."""


def _option(default: Any, what: str) -> Any:
    return field(default=default, metadata={"help": f"{what} [{default}]" if default else what})


@dataclass(frozen=True)
class Options:
    """The data that the promises are played with. The defaults suit the simulated world."""

    method: str = _option("pm_card_visa", "A payment method that can be charged.")
    declined: str = _option("pm_card_declined", "A payment method that is declined.")
    declined_amount: int | None = _option(None, "An amount that is declined, if the amount decides.")
    currency: str = _option("USD", "A currency that can be charged.")
    sku: str = _option("LAPTOP-789", "A SKU in stock.")
    other_sku: str = _option("MOUSE-321", "Another SKU in stock.")
    out_of_stock: str = _option("OUT-OF-STOCK", "A SKU that is out of stock.")
    on_hand: int | None = _option(None, "How much of both SKUs there is: all of it is reserved for a moment.")
    address: str = _option("1 Main St, Portland, OR, 97201, US", "Where a parcel can go.")
    refused_address: str = _option("1 Main St, Portland, OR, 00000, US", "Where no parcel can go.")
    email: str = _option("gateway-check@example.com", "Who gets the mail.")
    refused_email: str = _option("bounces@example.com", "A recipient who is refused.")
    paid: str | None = _option(None, "A payment made elsewhere: 10 minor units of it are given back.")
    authorised: str | None = _option(None, "Authorisations of 19.90 made elsewhere: 20, with commas.")


async def carry_out(gateway: object, call: Call, how: Callable[..., Awaitable[Any]] | None = None) -> Answer:
    before = IN_A_CALL.set(True)
    try:
        async with asyncio.timeout(GATEWAY_CALL.total_seconds()):
            under_way = getattr(gateway, call.method)(call.key, **call.arguments)
            return Answer(await (how(under_way) if how else under_way))
    except Exception as failure:
        ours = type(as_ours(failure)) if isinstance(failure, OrderSystemError) else Exception
        return Answer(error=ours, words=" ".join(f"raised {type(failure).__name__}: {failure}".split()))
    finally:
        IN_A_CALL.reset(before)


@dataclass
class Play:
    gateway: object
    accounts: StatementOfAccounts | None
    elsewhere: Connection
    """Takes a call, and returns the answer that the gateway gives to another process."""
    connections: list[asyncio.Transport]
    """Those that its own calls have opened."""
    options: Options
    rng: Random
    trace: list[str] = field(default_factory=list[str])
    """The calls of the scenario, each with its answer."""
    orders: list[str] = field(default_factory=list[str])
    """The orders that are not taken back yet, each by the beginning of its keys."""
    receipts: dict[str, PaymentReceipt] = field(default_factory=dict[str, PaymentReceipt])
    """The receipt by the key of each charge, authorisation and capture, as a book would have it."""
    round: int = 0
    """The round of the newest order's keys."""
    reference: str = ""
    """The reference of what was authorised elsewhere, for the newest orders."""
    reached: bool | None = None
    """Whether any call has reached the gateway. None: no call was made yet."""
    took: float = 0
    """How many seconds the last `ask` took."""
    wrong_before: set[str] = field(default_factory=set[str])
    """SKUs whose stock was wrong when the scenario began."""

    async def scenario(self) -> None:
        """Begin a new trace, and an order that no gateway has heard of."""
        self.trace, self.round = [], 0
        self.order()
        if self.accounts and hasattr(self.gateway, "reserve"):
            self.wrong_before = set(self._wrong_stock(await self.accounts.statement()))

    def order(self, order_id: str | None = None) -> None:
        self.orders.append(f"{order_id or f'{GATEWAY_CHECK}-{uuid4().hex[:8]}'}:{uuid4()}:")

    def key(self, effect: str) -> Key:
        """Return a key of the newest order."""
        return Key(self.orders[-1] + effect, self.round)

    # --- calls ----------------------------------------------------------------------------------------

    async def answer(self, call: Call, how: str = "") -> Answer:
        """Make a call. Without a value or a definite no, make it again with the same key, as orders do."""
        answer = Answer(error=Exception)
        for pause in policy.ASK_AFTER:
            await asyncio.sleep(pause.total_seconds())
            answer = await self.first_answer(call, how)
            if answer.error is None or answer.is_no:
                break
        return answer

    async def first_answer(self, call: Call, how: str = "") -> Answer:
        answer = await (self._there(call) if how == THERE else carry_out(self.gateway, call))
        return self._noted(how, call, answer)

    def _noted(self, how: str, call: Call, answer: Answer) -> Answer:
        self.trace.append(f"{how}{call} {answer}".rstrip())
        self.reached = self.reached or answer.error is not NotReached
        if isinstance(answer.value, PaymentReceipt) and call.method != "void":
            self.receipts[call.key] = answer.value
        return answer

    async def ask(self, call: Call) -> Any:
        """Return the value that a first call answers. Raises NotShown for an error, Broken for no receipt."""
        began = perf_counter()
        answer = await self.answer(call)
        self.took = perf_counter() - began
        if answer.error is not None:
            raise NotShown(f"{call.method} {answer}{': ' + OTHER_DATA if answer.is_no else ''}")
        if not isinstance(answer.value, Wire | Voided | NotCaptured):
            raise Broken(f"{call.method} {answer}, which is no receipt", NO_RECEIPT)
        return answer.value

    async def at_once(self, *calls: Call) -> list[Answer]:
        return await asyncio.gather(*(self.answer(call, "at once: ") for call in calls))

    async def again_at_once(self, call: Call, _number: int = 0) -> list[Answer]:
        return await self.at_once(*[call] * policy.AT_ONCE)

    async def in_a_row(self, call: Call, _number: int = 0) -> list[Answer]:
        return [await self.answer(call), await self.answer(call)]

    async def from_two_processes(self, call: Call, _number: int = 0) -> list[Answer]:
        return [*await asyncio.gather(self.answer(call, "at once: "), self.answer(call, THERE))]

    async def _there(self, call: Call) -> Answer:
        try:
            self.elsewhere.send(call)
            return await asyncio.to_thread(self.elsewhere.recv)
        except (EOFError, OSError):
            raise NotShown("another process could not open the gateway, or has died in a call") from None

    async def cut_off(self, call: Call, number: int) -> list[Answer]:
        answer = await self.cut(call, number)
        return [*([answer] if answer.error is None else []), *await self.in_a_row(call)]

    async def cut(self, call: Call, number: int, *, sever: bool = False) -> Answer:
        """Cancel the call, or break its connection if `sever`: the higher the number, the later."""
        seconds = self.took * (number + self.rng.random()) / (policy.MOMENTS - 1)
        under_way = asyncio.create_task(carry_out(self.gateway, call, severed if sever else None))
        await asyncio.wait({under_way}, timeout=seconds)
        if sever and not under_way.done() and self.connections:
            for connection in self.connections:
                connection.abort()
        else:
            under_way.cancel(CUT_OFF)
        await asyncio.wait({under_way})
        answer = Answer(error=Exception) if under_way.cancelled() else under_way.result()
        return self._noted(f"cut off after {seconds:.3f} s: ", call, answer)

    # --- what shows it --------------------------------------------------------------------------------

    async def lists(self, expected: list[str], currency: str | None = None) -> None:
        """Raise Broken unless the statement of accounts, if there is one, lists exactly this."""
        if self.accounts is not None and (found := await self.left(currency)) != expected:
            told, due = (", ".join(each) or "nothing" for each in (found, expected))
            raise Broken(f"the statement of accounts lists {told}, and not {due}")

    async def left(self, currency: str | None = None) -> list[str]:
        """Return what the statement lists for the newest order but was not put back, and stock gone wrong. A
        charge in the currency that was asked for is listed like one whose currency is not told."""
        if self.accounts is None:
            return []
        found, order = await self.accounts.statement(), self.orders[-1]
        money, goods = (found.charges, found.authorisations), (found.reservations, found.shipments)
        entries = chain(*filter(None, (*money, *goods, found.notices)))
        back = ("released", "voided", "captured")  # what is captured is a charge, too
        there = [each for each in entries if getattr(each, "state", None) not in back]
        wrong = [line for sku, line in self._wrong_stock(found).items() if sku not in self.wrong_before]
        asked = f"currency={currency or self.options.currency!r}"
        listed = [str(each).replace(order, "") for each in there if order in str(each)]
        return [*sorted(each.replace(asked, "currency=None") for each in listed), *wrong]

    def _wrong_stock(self, found: Statement) -> dict[str, str]:
        """Return, by SKU, where a warehouse's figures do not add up, or do not match its reservations."""
        lines = [*stock_adds_up(found), *stock_agrees_with_reservations(found)]
        ours = (self.options.sku, self.options.other_sku, self.options.out_of_stock)
        wrong = {sku: line for sku in ours for line in lines if line.startswith(f"SKU {sku}:")}
        return wrong if hasattr(self.gateway, "reserve") and found.reservations is not None else {}
