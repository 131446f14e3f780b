"""Small files of each kind that was once read wrongly, in the form that real shops' exports have, each with
its right value: the orders that are run, what they cost and how they are paid, and why others are not."""

from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from order_system.batches.files import load_profile, parse_mapping, parse_profile
from order_system.domain.order_profile import Profile
from tests.fixtures.documents.order_files import (
    csv_line,
    csv_text,
    further_row,
    inspect,
    read_whole,
    refusal,
    row,
    write,
)
from tests.fixtures.documents.shopify_files import REAL_HEADER, SHOPIFY_HEADER, shopify_row

Cells = dict[str, str]


@dataclass(frozen=True)
class Case:
    content: str
    run: dict[str, str] = field(default_factory=dict[str, str])
    """ID -> `SKU x pieces @ minor units of one, ... = total, payment method`."""
    told: dict[str | None, str] = field(default_factory=dict[str | None, str])
    """ID -> how the reason of what is not run begins."""
    profile: Profile | None = None
    mapping: str | None = None


def plain(*rows: list[str], **options: Any) -> Case:
    return Case(csv_text(*rows), **options)


def shopify(*rows: Cells, own: str = "", **options: Any) -> Case:
    """With all columns that the export really has. A row without a `Name` belongs to the one before."""
    name, lines = "", list[str]()
    for changes in rows:
        further, name = "Name" not in changes, changes.get("Name", name)
        cells = (
            dict(zip(SHOPIFY_HEADER, shopify_row(further=further), strict=True)) | {"Name": name} | changes
        )
        lines.append(csv_line([cells.get(column, "") for column in REAL_HEADER]))
    profile = parse_profile(f'base = "shopify"\n{own}') if own else load_profile("shopify")
    return Case(csv_line(REAL_HEADER) + "".join(lines), profile=profile, **options)


TEE = "MUG x 1 @ 1000 = 1000"
PAID: Cells = {"Name": "#9", "Financial Status": "paid"}
LINE = "Lineitem fulfillment status"
HAT: Cells = {"Lineitem sku": "HAT", "Lineitem name": "Hat", "Lineitem price": "15.00"}
LEFT_OUT = "not to be shipped: "
TWICE = "order_id,sku,quantity,unit_price,kind\nA-1,CAP,2,20.00,configurable\nA-1,CAP,2,0.00,simple\n"
NAMED = (
    "currency==USD,customer_name==Ada,customer_email==a@example.com,payment_method==pm_x,street==1 Oak,"
    "city==Reno,country==US"
)
PARTLY = f"{LEFT_OUT}partly refunded in the shop, and the file does not say which line"
NO_DATES = (
    "NULL",
    "None",
    "nan",
    "N/A",
    "-",
    "\\N",
    "no",
    "Unpaid",
    "1900-01-01 00:00",
    "01/01/0001",
    "0:00",
)
dice = Random(13)
AMAZON = [
    f"{dice.choice((302, 304, 305, 404, 406))}-{dice.randrange(10**7):07}-{dice.randrange(10**7):07}"
    for _ in range(200)
]

CASES = {
    "must not ship": shopify(
        PAID | {"Name": "#1", "Fulfillment Status": "fulfilled"},
        PAID | {"Name": "#2", "Fulfillment Status": "partial", LINE: "fulfilled", "Total": "25.00"},
        HAT,
        PAID | {"Name": "#3", "Financial Status": "refunded"},
        PAID | {"Name": "#4", "Financial Status": "partially_refunded", "Refunded Amount": "4.00"},
        PAID | {"Name": "#5", "Financial Status": "voided"},
        PAID | {"Name": "#6", "Lineitem requires shipping": "FALSCH"},
        PAID | {"Name": "#7", "Financial Status": "expired"},
        run={"2": "HAT x 1 @ 1500 = 1500, paid:2"},
        told={
            "1": f"{LEFT_OUT}fulfilled in the shop",
            "3": f"{LEFT_OUT}refunded in the shop",
            "4": PARTLY,
            "5": f"{LEFT_OUT}voided in the shop",
            "6": f"{LEFT_OUT}nothing in it needs shipping",
            "7": f"{LEFT_OUT}expired in the shop",
        },
    ),
    "already fulfilled": shopify(
        PAID | {"Fulfillment Status": "fulfilled", "Fulfilled at": "2024-05-02 10:00:00 +0200"},
        told={"9": f"{LEFT_OUT}fulfilled in the shop on 2024-05-02"},
    ),
    "partly fulfilled": shopify(
        PAID | {"Fulfillment Status": "partial", "Total": "25.00"},
        HAT | {LINE: "fulfilled"},
        run={"9": f"{TEE}, paid:9"},
    ),
    "refunded, not cancelled": shopify(
        PAID | {"Financial Status": "refunded", "Refunded Amount": "10.00"},
        told={"9": f"{LEFT_OUT}refunded in the shop"},
    ),
    "a line that was taken out of the order": shopify(
        PAID | {"Lineitem quantity": "0", "Taxes": "1.00", "Shipping": "2.00", "Total": "18.00"},
        HAT,
        PAID | {"Name": "#8", "Lineitem quantity": "0"},
        run={"9": "HAT x 1 @ 1500 = 1800, paid:9"},
        told={"8": f"{LEFT_OUT}nothing is left in the order"},
    ),
    "partly refunded": shopify(PAID | {"Refunded Amount": "3.00"}, told={"9": PARTLY}),
    "already paid": shopify(
        PAID
        | {"Outstanding Balance": "0.00", "Payment Reference": "c7.1", "Lineitem requires shipping": "WAHR"},
        run={"9": f"{TEE}, paid:c7.1"},
    ),
    "an Amazon ID is no card number": plain(
        *(row(each, unit_price="2.00") for each in AMAZON),
        run=dict.fromkeys(AMAZON, "LAPTOP-789 x 1 @ 200 = 200, pm_card_ok"),
    ),
    "rows apart": plain(
        row("A"), row("B", unit_price="1.00"), further_row("A"),
        run={"B": "LAPTOP-789 x 1 @ 100 = 100, pm_card_ok"},
        told={"A": "line 4, order_id: the rows of this order stand apart, on lines 2 and 4"},
    ),
    "two names, one SKU": shopify(
        PAID | {"Lineitem sku": "", "Lineitem name": "Pixel 9 Cover", "Total": "20.00"},
        {"Lineitem sku": "", "Lineitem name": "Pixel 9+ Cover"},
        run={"9": "PIXEL-9-COVER x 1 @ 1000, PIXEL-9-COVER-213D1C21 x 1 @ 1000 = 2000, paid:9"},
    ),
    "a column that is not mapped is not read": Case(
        "number,what,quantity,unit_price,discount,who\n77,PEN,4,2.50,0.2,Ada\n",
        run={"77": "PEN x 4 @ 250 = 1000, pm_x"},
        mapping="order_id=number,sku=what,customer_name=who,currency==USD,customer_email==a@example.com,"
        "payment_method==pm_x,street==1 Oak,city==Reno,country==US",
    ),
    "a word or a date for no payment": Case(
        "order_id,sku,quantity,unit_price,paid,number\n1900,CAP,1,1.00,1/2/2026,NULL\n"
        + "".join(f"{at},CAP,1,1.00,{text},\n" for at, text in enumerate(NO_DATES)),
        run={"1900": "CAP x 1 @ 100 = 100, paid:1900"}
        | {f"{at}": "CAP x 1 @ 100 = 100, pm_x" for at in range(len(NO_DATES))},
        mapping=NAMED,
        profile=parse_profile('[paid]\ncolumn = "paid"\nstates = ["*"]\nreference = "number"'),
    ),
    "a state that is of each line": Case(
        "order_id,sku,quantity,unit_price,state\n1,CAP,1,1.00,open\n1,MUG,1,1.00,sent\n",
        told={"1": 'line 3, state: differs from line 2; if it is of each line alone, say of = "line"'},
        mapping=NAMED,
        profile=parse_profile('[[states]]\ncolumn = "state"\nrun = ["open"]\nleave_out = ["sent"]'),
    ),
    "a dash for no cents, and for nothing": plain(
        row("A", unit_price="50,-", discount="34,-"), row("B", unit_price="50,-", discount="$ -34,-"),
        row("C", unit_price="50,-", discount="$ -", tax="$-"),
        run=dict.fromkeys("AB", "LAPTOP-789 x 1 @ 5000 = 1600, pm_card_ok")
        | {"C": "LAPTOP-789 x 1 @ 5000 = 5000, pm_card_ok"},
        profile=parse_profile('decimal = ","\n[meaning]\ntax = "per order"'),
    ),
    "a fee on each line": plain(
        row(unit_price="1.00", shipping_fee="7.10"), further_row(shipping_fee="7.10"),
        run={"A-1": "LAPTOP-789 x 1 @ 100, MOUSE-321 x 2 @ 2999 = 6808, pm_card_ok"},
    ),
    "a fee on each line, said to be": plain(
        row(unit_price="1.00", shipping_fee="7.10"), further_row(shipping_fee="7.10"),
        run={"A-1": "LAPTOP-789 x 1 @ 100, MOUSE-321 x 2 @ 2999 = 7518, pm_card_ok"},
        profile=parse_profile('[meaning]\nshipping_fee = "per line"'),
    ),
    "equal numbers, spelled differently": plain(
        row(unit_price="1.00", tax="3.00", discount="0.00"), further_row(tax="3.0", discount="0"),
        run={"A-1": "LAPTOP-789 x 1 @ 100, MOUSE-321 x 2 @ 2999 = 6398, pm_card_ok"},
    ),
    "decimals of a quantity": plain(
        row("A", quantity="2.0", unit_price="1.00"), row("B", quantity="3.00", unit_price="1.00"),
        run={
            "A": "LAPTOP-789 x 2 @ 100 = 200, pm_card_ok",
            "B": "LAPTOP-789 x 3 @ 100 = 300, pm_card_ok",
        },
    ),
    "decimals of a quantity, blank SKU": shopify(
        PAID | {"Lineitem sku": "", "Lineitem quantity": "1.00"},
        run={"9": "MUG-MOSS-L x 1 @ 1000 = 1000, paid:9"},
    ),
    "one SKU twice": plain(
        row(unit_price="1.00"), further_row(sku="LAPTOP-789", quantity="1", unit_price="1.00"),
        run={"A-1": "LAPTOP-789 x 2 @ 100 = 200, pm_card_ok"},
    ),
    "one SKU at two prices": shopify(
        PAID, {"Lineitem price": "0.00"}, run={"9": "MUG x 1 @ 1000, MUG x 1 @ 0 = 1000, paid:9"}
    ),
    "one item on two rows, or a gift": Case(
        TWICE, mapping=NAMED, told={"A-1": "line 3, unit_price: is nothing, for what is on line 2, too"}
    ),
    "one item on two rows, as a profile says": Case(
        TWICE, run={"A-1": "CAP x 2 @ 2000 = 4000, pm_x"},
        mapping=NAMED, profile=parse_profile('[meaning]\nfree_line = "same item"'),
    ),
    "one item on two rows, a quantity with decimals": Case(
        TWICE.replace(",2,", ",2.0000,", 1), mapping=NAMED,
        told={"A-1": "line 3, unit_price: is nothing, for what is on line 2, too"},
    ),
    "one item on two rows, the free one first": Case(
        TWICE.replace("20.00", "9").replace("0.00", "20.00").replace(",9,", ",0.00,"), mapping=NAMED,
        profile=parse_profile('[meaning]\nfree_line = "same item"'),
        told={"A-1": "line 2, unit_price: is nothing, for what is on line 3, too, and begins the order; put"},
    ),
    "a tax in tenths of cents, and another one": Case(
        "order_id,sku,quantity,unit_price,tax,total\nA-1,CAP,1,10.00,1.005,21.01\nA-1,POT,1,10.00,9.99,\n",
        mapping=f"{NAMED},tax=tax,total=total",
        told={"A-1": "line 3, tax: differs from line 2"},
    ),
    "a gift, as a profile says": Case(
        TWICE, run={"A-1": "CAP x 2 @ 2000, CAP x 2 @ 0 = 4000, pm_x"},
        mapping=NAMED, profile=parse_profile('[meaning]\nfree_line = "own item"'),
    ),
    "a discount of a line, on top": shopify(
        PAID | {"Lineitem discount": "2.00", "Discount Amount": "1.00", "Subtotal": "7.00", "Total": "7.00"},
        run={"9": "MUG x 1 @ 1000 = 700, paid:9"},
    ),
    "a discount of a line, in that of the order": shopify(
        PAID | {"Lineitem discount": "2.00", "Discount Amount": "2.00", "Subtotal": "8.00", "Total": "8.00"},
        run={"9": "MUG x 1 @ 1000 = 800, paid:9"},
    ),
    "one SKU twice, the second one free": shopify(
        PAID, {"Lineitem discount": "10.00"}, run={"9": "MUG x 2 @ 1000 = 1000, paid:9"}
    ),
    "references of a payment in a newer column": shopify(
        PAID | {"Payment Reference": "", "Payment References": "r7.1"}, run={"9": f"{TEE}, paid:r7.1"}
    ),
    "a quantity with the other sign": Case(
        csv_text(row(quantity="1.000")),
        profile=parse_profile('decimal = ","'),
        told={"A-1": "line 2, quantity: may be thousands; write it without that sign"},
    ),
    "a SKU with blanks": shopify(
        PAID | {"Lineitem sku": "TEE RED XL"}, run={"9": "TEE RED XL x 1 @ 1000 = 1000, paid:9"}
    ),
    "no e-mail, tax in the prices": shopify(
        PAID | {"Email": "", "Taxes": "1.60"},
        told={"9": 'line 2, Email: is missing; a profile that says customer_email = "none@ex'},
    ),
    "duties": shopify(
        PAID | {"Duties": "2.50", "Total": "12.50"}, run={"9": "MUG x 1 @ 1000 = 1250, paid:9"}
    ),
    "a country's name": shopify(PAID | {"Shipping Country": "Netherlands"}, run={"9": f"{TEE}, paid:9"}),
    "a currency in small letters": shopify(PAID | {"Currency": "eur"}, run={"9": f"{TEE}, paid:9"}),
    "IDs with signs": shopify(
        *(PAID | {"Name": name} for name in ("UK#5", "#6-FR", "#7/B")),
        run={each: f"{TEE}, paid:{each}" for each in ("UK-5", "6-FR", "7-B")},
    ),
    "IDs with slashes": plain(
        row("PO/26/7", unit_price="1.00"),
        run={"PO-26-7": "LAPTOP-789 x 1 @ 100 = 100, pm_card_ok"},
        profile=parse_profile('id_replace = "-"'),
    ),
    "IDs with slashes, no profile": plain(row("PO/26/7"), told={None: "line 2, order_id: must be 1 to"}),
    "one shop": shopify(PAID, own='id_prefix = "north-"', run={"north-9": f"{TEE}, paid:north-9"}),
    "another shop": shopify(PAID, own='id_prefix = "south-"', run={"south-9": f"{TEE}, paid:south-9"}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_has_its_right_value(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    mapping = parse_mapping(case.mapping) if case.mapping else None
    ref = inspect(write(tmp_path, case.content), profile=case.profile, mapping=mapping)
    found = read_whole(ref)
    run: dict[str, str] = {}
    for order_id in found.ids:
        order = found.order(order_id)
        lines = ", ".join(f"{line.sku} x {line.quantity} @ {line.unit_price}" for line in order.lines)
        run[order_id] = f"{lines} = {order.total}, {order.payment_method}"
    assert run == case.run
    told = {
        problem.order_id: problem.reason[: len(case.told.get(problem.order_id, "?"))]
        for problem in found.problems
    }
    assert told == case.told


@pytest.mark.parametrize("quote", ["", '"'])
def test_semicolons_are_told_with_the_cure(tmp_path: Path, quote: str) -> None:
    header = csv_text().strip().replace(",", f"{quote};{quote}")
    told = refusal(write(tmp_path, f"{quote}{header}{quote}\n{';'.join(row())}\n"))
    assert told.endswith(
        'must be separated by commas; or say in a profile that they are by semicolons: separator = ";"'
    )
