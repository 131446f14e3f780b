"""What a person should do about a violation of each invariant, by the invariant's name in `invariants.py`."""

from order_system.audit.invariants import COMPLETED
from order_system.infra.process import STARTER

_LOOK = "look the key up at the gateway"
_NOTE = f"{STARTER} refund ORDER --amount 10.00 --made-elsewhere REFERENCE"

CURES: dict[str, str] = {
    "refunds never exceed captures": f"{_LOOK}, and claim back what was given beyond the capture",
    "money is kept whole or not at all": (
        f"{_LOOK}, and refund there what was captured if the order is undone; "
        "if it is fulfilled, capture or give back the difference"
    ),
    "stock adds up and is never negative": "count the shelf, and correct the warehouse's figures of that SKU",
    "stock agrees with its reservations": (
        "compare the warehouse's figures of that SKU with its list of reservations, and correct the figures"
    ),
    "no effect happened twice": (
        f"{_LOOK}, reverse there what is one too many, and find out why it took one key twice"
    ),
    "one live submission an order, at most": (
        "stop the workers: the database lacks the unique index book_one_live; "
        "put it back, and undo the younger submission"
    ),
    "a payment made elsewhere covers its orders": (
        f"{_LOOK}, and find out what else has paid them, if any; note what was given back of it ({_NOTE})"
    ),
    "what was paid already is so, and not charged again": (
        f"{_LOOK}, and refund there what we have charged; look the payment's reference up as well"
    ),
    "fulfilled orders are paid, dispatched and committed": (
        f"{_LOOK}, and do there what is missing: the customer has been told that the order is fulfilled"
    ),
    "undone orders hold no money, stock or parcel": (
        f"{_LOOK}, and give back what is held; if it is listed as in doubt as well, it landed after its undo"
    ),
    "no parcel goes before its money was captured": (
        f"{_LOOK}, and capture there what is still held; if it has expired, ask the customer to pay"
    ),
    "nothing is given back for a dispatched parcel": (
        f"{_LOOK}: charge again, or note what was given back ({_NOTE}); and book the stock out"
    ),
    "a status agrees with its journal": (
        "compare the book with the history of the order's workflow: no code of ours leaves this behind, "
        "so somebody may have written to the database by hand"
    ),
    COMPLETED: f"run `{STARTER} reconcile`, which settles it; if that reports `not yet`, answer its undo",
    "money and stock waited for shipping's answer": (
        "ask the carrier whether the parcel is gone; if it is, neither money nor stock may be given back"
    ),
    "nothing happened without a claim in the book": (
        f"{_LOOK}: if another system uses the account, give it one of its own; if the book was restored from "
        "an older backup, reverse at the gateway what the book has forgotten"
    ),
    "what the book says was done or undone is so": (
        f"{_LOOK}: do there by hand what the book says was done or reversed, and find out what changed it"
    ),
}
