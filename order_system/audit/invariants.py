"""What must hold between the book and the world, whatever died on the way. `cures.toml` says what to do.

Each invariant yields a readable line for every violation: whose it is, under which key, and what is wrong.
Open submissions are under way, so only what may never happen counts against them. Effects that a person
handled are left out, since the gateways were not told. So are those that the statement does not cover."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import chain

from order_system.audit.accounts import MONEY, Account, Books
from order_system.audit.book_alone import completed_is_closed, customers_are_told, status_agrees_with_journal
from order_system.domain.book import EffectState, SubmissionStatus
from order_system.domain.gateways import PaymentElsewhere, Statement
from order_system.domain.money import format_amount
from order_system.domain.order import Reservation, by_sku
from order_system.domain.steps import GIVEN_BACK, Effect

STOCK = (Effect.RESERVE, Effect.COMMIT)
PARCEL = (Effect.LABEL, Effect.DISPATCH)


# --- no more than there is ------------------------------------------------------------------------


def refunds_within_captures(books: Books) -> Iterator[str]:
    for account in books.accounts:
        in_world = all(0 <= charge.refunded <= charge.amount for charge in account.charges)
        if not in_world or account.refunds_asked > (account.record.total or 0):
            yield f"{account.at(Effect.CHARGE)}: {account.money}"
    kept = {account.record.ref.order_id for account in books.accounts if not account.undone}
    for order_id in sorted(books.refunds.keys() - kept):
        for refund in books.refunds[order_id]:
            yield f"{order_id}: {refund.without_notes}, and by the book the order is not fulfilled"


def stock_adds_up(told: Statement) -> Iterator[str]:
    for entry in told.stock or ():
        parts = f"{entry.on_hand} on hand, {entry.reserved} reserved, {entry.shipped} shipped"
        if min(entry.on_hand, entry.reserved, entry.shipped) < 0:
            yield f"SKU {entry.sku}: {parts}"
        elif entry.on_hand + entry.reserved + entry.shipped != entry.initial:
            yield f"SKU {entry.sku}: {parts}, of {entry.initial} at first"


def stock_agrees_with_reservations(told: Statement) -> Iterator[str]:
    if told.stock is None or told.reservations is None:
        return
    expected: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for reservation in told.reservations:
        for sku, quantity in reservation.lines:
            expected[reservation.state][sku] += quantity
    actual = {entry.sku: (entry.reserved, entry.shipped) for entry in told.stock}
    for sku in sorted({*actual, *expected["reserved"], *expected["committed"]}):
        reserved, shipped = actual.get(sku, (0, 0))
        held, gone = expected["reserved"][sku], expected["committed"][sku]
        if (reserved, shipped) != (held, gone):
            yield f"SKU {sku}: {reserved} reserved, {shipped} shipped, but by reservations {held} and {gone}"


# --- at most once ---------------------------------------------------------------------------------


def no_effect_twice(account: Account) -> Iterator[str]:
    for effect in Effect:
        if (times := account.happened(effect)) > 1:
            yield f"{account.at(effect)}: {effect} happened {times} times"


def one_live_submission(books: Books) -> Iterator[str]:
    of_order: defaultdict[str, Counter[SubmissionStatus]] = defaultdict(Counter)
    for account in books.accounts:
        of_order[account.record.ref.order_id][account.record.status] += 1
    for order_id, statuses in of_order.items():
        for status in (SubmissionStatus.OPEN, SubmissionStatus.FULFILLED):
            if statuses[status] > 1:
                yield f"{order_id}: {statuses[status]} submissions are {status}"
        if statuses[SubmissionStatus.OPEN] and statuses[SubmissionStatus.FULFILLED]:
            yield f"{order_id}: a submission is open although another one is fulfilled"


def payments_cover_their_orders(books: Books) -> Iterator[str]:
    """Check payments that a gateway can look up: without one, many orders may share the reference `cash`.
    Undone orders count, too: money that was given back pays for no other order."""
    paying: defaultdict[PaymentElsewhere, Counter[str]] = defaultdict(Counter)
    given_back = Counter[PaymentElsewhere]()
    for account in books.accounts:
        if account.payment and (receipt := account.paid_already):
            paying[account.payment][account.record.ref.order_id] += receipt.amount
            by_hand = account.handled(Effect.CHARGE)
            given_back[account.payment] += receipt.amount if by_hand else account.given_back_of(receipt)
    for payment, orders in paying.items():
        if payment.refunded > given_back[payment] or orders.total() > payment.amount:
            amounts = (payment.amount, payment.refunded, orders.total())
            held, back, owed = (format_amount(each, payment.currency) for each in amounts)
            yield f"{payment.reference} of {held}, {back} given back, pays for {', '.join(orders)}: {owed}"


# --- all or nothing -------------------------------------------------------------------------------


def money_whole_or_not_at_all(account: Account) -> Iterator[str]:
    kept = account.captured - account.unexplained
    if kept not in (0, account.record.total or 0) and not account.handled(*MONEY):
        yield f"{account.at(Effect.CHARGE)}: {account.money}, of a total of {account.total}"
    for currency in {charge.currency for charge in account.charges} - {None, account.record.currency}:
        yield f"{account.at(Effect.CHARGE)}: charged in {currency}, of a total of {account.total}"
    if account.fulfilled and account.holds_money and not account.handled(*MONEY):
        yield f"{account.at(Effect.CHARGE)}: its money is still held by an authorisation"


def fulfilled_is_complete(account: Account) -> Iterator[str]:
    if not account.fulfilled:
        return
    paid = account.charges and account.captured == account.record.total and account.unexplained == 0
    if not paid and not account.unseen(account.takes_money) and not account.handled(*MONEY):
        yield f"{account.at(Effect.CHARGE)}: {account.money}, of a total of {account.total}"
    if not account.parcel("dispatched") and not account.unseen(*PARCEL):
        yield f"{account.at(Effect.DISPATCH)}: no parcel was dispatched"
    if not account.stock("committed") and not account.unseen(*STOCK):
        yield f"{account.at(Effect.RESERVE)}: its stock was not committed"


def undone_holds_nothing(account: Account) -> Iterator[str]:
    if not account.undone:
        return
    if account.captured != account.refunded and not account.handled(*MONEY):
        yield f"{account.at(Effect.CHARGE)}: {account.money}"
    if account.holds_money and not account.handled(*MONEY):
        yield f"{account.at(Effect.CHARGE)}: its money is still held by an authorisation"
    for state in ("reserved", "committed"):
        if account.stock(state) and not account.handled(*STOCK):
            yield f"{account.at(Effect.RESERVE)}: its stock is still {state}"
    for state in ("bought", "dispatched"):
        if account.parcel(state) and not account.handled(*PARCEL):
            yield f"{account.at(Effect.LABEL)}: its label is {state}"


def nothing_given_back_for_a_parcel(account: Account) -> Iterator[str]:
    if not account.parcel("dispatched"):
        return
    if account.unexplained and not account.handled(*MONEY):
        yield f"{account.at(Effect.CHARGE)}: the parcel is dispatched, yet {account.money}"
    if account.stock("released") and not account.handled(*STOCK):
        yield f"{account.at(Effect.RESERVE)}: the parcel is dispatched, yet its stock was released"


def captured_before_dispatch(account: Account) -> Iterator[str]:
    capture, dispatch = account.journal.get(Effect.CAPTURE), account.journal.get(Effect.DISPATCH)
    if capture is None or account.handled(Effect.CAPTURE, Effect.DISPATCH):
        return
    claimed = dispatch.claimed_at if dispatch else None
    if claimed and (capture.done_at is None or capture.done_at > claimed):
        yield f"{account.at(Effect.DISPATCH)}: by the book its parcel was handed over before the capture"
    if account.parcel("dispatched") and not account.charges and not account.unseen(Effect.CAPTURE):
        yield f"{account.at(Effect.CAPTURE)}: the parcel is dispatched, and nothing was captured"


def paid_orders_are_not_charged(account: Account) -> Iterator[str]:
    if (receipt := account.paid_already) is None:
        return
    if len(account.charges) > 1:
        yield f"{account.at(Effect.CHARGE)}: charged, although paid already by {receipt.charge_id}"
    if (held := account.payment) and held.currency != receipt.currency:
        yield f"{account}: the payment {held.reference} is in {held.currency}, and by the book it is not"


# --- the book and the world agree -----------------------------------------------------------------


def undos_waited_for_shipping(account: Account) -> Iterator[str]:
    """Equal times are fine: both come from one clock, which may not have ticked in between."""
    dispatch = account.journal.get(Effect.DISPATCH)
    for effect in (undo.effect for undo in GIVEN_BACK.values()):
        entry = account.journal.get(effect)
        if entry is None or entry.fenced_at is None or account.handled(effect, Effect.DISPATCH):
            continue
        if dispatch is None or dispatch.undo_ended_at is None:
            yield f"{account.at(effect)}: the undo of {effect} began without shipping's answer"
        elif dispatch.state is EffectState.DONE:
            yield f"{account.at(effect)}: the undo of {effect} began although the parcel was gone"
        elif entry.fenced_at < dispatch.undo_ended_at:
            early = dispatch.undo_ended_at - entry.fenced_at
            yield f"{account.at(effect)}: the undo of {effect} began {early} before shipping's answer"


def nothing_unclaimed(books: Books) -> Iterator[str]:
    """Check all effects but commits: these are never claimed, since they belong to the dispatch."""
    for key in books.strangers:
        yield f"{key}: unknown to the book"
    for account in books.accounts:
        for effect in Effect:
            if effect is Effect.COMMIT or (*account.key, effect) in books.claims:
                continue
            if account.happened(effect) and not account.handled(effect):
                yield f"{account.at(effect)}: {effect} happened, but was never claimed in the book"


def book_is_true(account: Account) -> Iterator[str]:
    yield from _goods_as_in_the_receipt(account)
    for effect, entry in account.journal.items():
        if effect not in account.told:
            continue
        happened = account.happened(effect) > 0
        if entry.state is EffectState.DONE and not happened:
            yield f"{account.at(effect)}: {effect} is done in the book, but the world knows nothing of it"
        if entry.state is EffectState.NEVER_HAPPENED and happened:
            yield f"{account.at(effect)}: by the book, {effect} never happened, but it did"
        if entry.state is EffectState.UNDONE and not (happened and account.reversed(effect)):
            found = "is not" if happened else "never was in the world, and so cannot have been"
            yield f"{account.at(effect)}: {effect} is undone in the book, but {found} reversed"


def _goods_as_in_the_receipt(account: Account) -> Iterator[str]:
    """Compare what the world has set aside with the book's receipt, if that names the goods."""
    reserve = account.journal.get(Effect.RESERVE)
    told = Reservation.model_validate(reserve.receipt).lines if reserve and reserve.receipt else ()
    for reservation in account.reservations if told else ():
        goods = Counter[str]()
        for sku, quantity in reservation.lines:
            goods[sku] += quantity
        if goods != by_sku(told):
            both = (
                ", ".join(f"{sku}: {each[sku]}" for sku in sorted(each)) for each in (goods, by_sku(told))
            )
            yield "{}: the world has set aside {}, by the book {}".format(account.at(Effect.RESERVE), *both)


COMPLETED = "what has completed on the server is closed in the book"


def _each(violations: Callable[[Account], Iterator[str]]) -> Callable[[Books], Iterator[str]]:
    return lambda books: chain.from_iterable(map(violations, books.accounts))


INVARIANTS: dict[str, Callable[[Books], Iterator[str]]] = {
    "refunds never exceed captures": refunds_within_captures,
    "money is kept whole or not at all": _each(money_whole_or_not_at_all),
    "stock adds up and is never negative": lambda books: stock_adds_up(books.statement),
    "stock agrees with its reservations": lambda books: stock_agrees_with_reservations(books.statement),
    "no effect happened twice": _each(no_effect_twice),
    "one live submission an order, at most": one_live_submission,
    "a payment made elsewhere covers its orders": payments_cover_their_orders,
    "what was paid already is so, and not charged again": _each(paid_orders_are_not_charged),
    "fulfilled orders are paid, dispatched and committed": _each(fulfilled_is_complete),
    "undone orders hold no money, stock or parcel": _each(undone_holds_nothing),
    "no parcel goes before its money was captured": _each(captured_before_dispatch),
    "nothing is given back for a dispatched parcel": _each(nothing_given_back_for_a_parcel),
    "a status agrees with its journal": _each(status_agrees_with_journal),
    COMPLETED: _each(completed_is_closed),
    "customers are told how their orders ended": _each(customers_are_told),
    "money and stock waited for shipping's answer": _each(undos_waited_for_shipping),
    "nothing happened without a claim in the book": nothing_unclaimed,
    "what the book says was done or undone is so": _each(book_is_true),
}
