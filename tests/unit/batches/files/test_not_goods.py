"""Rows that are no goods, but shipping, tax or a discount: by `[not_goods]` they are a part of the sum."""

from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from order_system.batches.files import first_profile, parse_profile
from order_system.domain.errors import InvalidUsage
from tests.fixtures.documents.order_files import Reading, read, write

PROFILE = """{top}
[columns]
order_id = "No"
sku = "Item"
quantity = "Qty"
unit_price = "Rate"
city = "City"
total = "Total?"
{columns}
[constants]
currency = "USD"
customer_name = "Ada"
customer_email = "a@example.com"
payment_method = "pm_x"
street = "1 Oak"
country = "US"
[not_goods]
column = "Item"
shipping_fee = ["shipping*", "delivery"]
tax = ["sales tax"]
discount = ["*discount", "voucher"]
{more}
"""
MUGS = "1,MUG,2,10.00,Reno,"
SENT = '[[states]]\ncolumn = "Sent"\nof = "line"\nrun = ["no"]\nleave_out = ["yes"]'


def found_in(
    folder: Path, *lines: str, header: str = "", columns: str = "", more: str = "", top: str = ""
) -> Reading:
    text = PROFILE.format(columns=columns, more=more, top=top)
    content = f"No,Item,Qty,Rate,City,Total{header}\n" + "".join(f"{line}\n" for line in lines)
    return read(folder, content, profile=parse_profile(text))


@pytest.mark.parametrize(
    ("lines", "bill"),
    [
        (["1,Shipping (UPS),1,5.00,,"], (2500, 500, 0, 0)),
        (["1,DELIVERY,,5.00,,"], (2500, 500, 0, 0)),
        (["1,Sales Tax,1,1.65,Reno,"], (2165, 0, 165, 0)),
        (["1,Voucher,1,-5.00,,"], (1500, 0, 0, 500)),
        (["1,Voucher,-1,5.00,,"], (1500, 0, 0, 500)),
        (["1,Voucher,1,5.00,,15.00"], (1500, 0, 0, 500)),
        (
            ["1,Shipping,1,5.00,,", "1,Shipping insurance,2,1.00,,", "1,Bulk discount,1,$-2.00,,"],
            (2500, 700, 0, 200),
        ),
        ([",Shipping,1,5.00,,25.00"], (2500, 500, 0, 0)),
        (["1,Sales Tax,1,1.655,Reno,21.66"], (2166, 0, 166, 0)),
    ],
)
def test_they_are_a_part_of_the_sum(tmp_path: Path, lines: list[str], bill: tuple[int, ...]) -> None:
    """Also where they stand first, and alone tell what belongs to the whole order."""
    order = found_in(tmp_path, MUGS, *lines).order("1")
    assert [(line.sku, line.quantity) for line in order.lines] == [("MUG", 2)]
    assert (order.total, order.shipping_fee, order.tax, order.discount) == bill


def test_where_they_stand_first_they_may_alone_tell_what_belongs_to_the_order(tmp_path: Path) -> None:
    lines = ["1,Shipping,1,5.00,Reno,20.00", "1,MUG,2,10.00,,", "1,Voucher,1,-5.00,,"]
    assert found_in(tmp_path, *lines).order("1").total == 2000
    (reason,) = found_in(tmp_path, lines[0], "1,MUG,2,10.00,Elko,", lines[2]).reasons
    assert reason == "line 2, City: differs from line 3; repeat it, or leave it blank"


def test_what_each_row_costs_in_all_and_what_it_has_for_itself_counts(tmp_path: Path) -> None:
    columns = 'line_total = "Amount"\ntax = "Tax"'
    lines = [f"{MUGS},20.00,1.65", "1,Shipping,1,4.99,,,5.00,0.40", "1,Voucher,1,,,,-3.00,"]
    found = found_in(
        tmp_path, *lines, header=",Amount,Tax", columns=columns, more='[meaning]\ntax = "per line"'
    )
    assert found.order("1").total == 2000 + 500 + 205 - 300


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            ["1,Shipping,1,-5.00,,"],
            "line 3, shipping_fee: is negative; take returns out",
        ),
        (
            ["1,Voucher,-1,-5.00,,"],
            "line 3, discount: must be an amount, such as 29.99",
        ),
        (
            ["1,Voucher,1,-5.00,,", "1,Voucher,1,2.00,,"],
            "line 4, discount: has another sign than line 3; take out",
        ),
        (["1,Shipping,1,free,,"], "line 3, shipping_fee: must be an amount, such as 29.99"),
        (["1,Shipping,1,,,"], "line 3, shipping_fee: must be an amount, such as 29.99"),
        (["1,Shipping,1,€5.00,,"], "line 3, shipping_fee: is not in USD, the currency of the order"),
        (['1,Shipping,,"1,234",,'], "line 3, shipping_fee: may be thousands or decimals; a profile that"),
        (["1,Shipping,0,5.00,,"], "line 3, shipping_fee: must be an amount, such as 29.99"),
        (
            ["1,Shipping discount,1,5.00,,"],
            "line 3, Item: may be shipping_fee or discount; let one",
        ),
        (["1,Shipping,1,5.00,Elko,"], "line 3, City: differs from line 2; repeat it, or leave it blank"),
        ([",Shipping,1,5.00,,"], "line 3, No: is missing; repeat it, or name the column of the total"),
        (["1,Shipping,1,5.00,,26.00"], "line 3, Total: must be 25.00 USD"),
        (["1,Voucher,1,-5.005,,"], "line 2, discount: must not be more precise than USD"),
        (["1,Voucher,1,-25.00,,"], "line 2, discount: must not exceed the rest of the order, 20.00 USD"),
    ],
)
def test_what_does_not_tell_its_part_is_refused(tmp_path: Path, lines: list[str], told: str) -> None:
    (reason,) = found_in(tmp_path, MUGS, *lines).reasons
    assert reason.startswith(told)


def test_nothing_false_is_told_beside_what_is_wrong(tmp_path: Path) -> None:
    lines = [MUGS, "1,Shipping,1,5.00,,", "1,Shipping,1,2.00,,", "1,Voucher,1,-1.00,,", "1,CUP,0,5.00,,"]
    found = found_in(tmp_path, *[f"{line},no" for line in lines], header=",Sent", more=SENT)
    assert found.reasons == ["line 6, Qty: must be between 1 and 10,000"]
    found = found_in(tmp_path, *[f"{line},lost" for line in lines[:4]], header=",Sent", more=SENT)
    (reason,) = found.reasons
    assert (
        reason
        == "line 2, Sent: lost is a state that the profile does not know (it knows no, yes); add it there"
    )


def test_an_order_of_no_goods_and_a_part_that_stands_there_twice_are_refused(tmp_path: Path) -> None:
    (reason,) = found_in(tmp_path, "1,Shipping,1,5.00,Reno,").reasons
    assert reason == "line 2, Item: is no goods, and nothing else is in the order"
    lines = [f"{MUGS},5.00", "1,Shipping,1,5.00,,,"]
    (reason,) = found_in(tmp_path, *lines, header=",Fee", columns='shipping_fee = "Fee"').reasons
    assert reason == "line 3, Item: is shipping_fee, and so is Fee on line 2; take one of them out"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (["yes", "yes", "no"], "not to be shipped: Sent is yes"),
        (
            ["yes", "no", ""],
            "shipping_fee: is of the whole order, and how much of it is on what is left is not told",
        ),
        (["no", "no", "yes"], None),
    ],
)
def test_only_goods_are_shipped_or_to_be_shipped(tmp_path: Path, sent: list[str], told: str | None) -> None:
    lines = [MUGS, "1,CUP,1,4.00,,", "1,Shipping,1,5.00,,"]
    lines = [f"{line},{state}" for line, state in zip(lines, sent, strict=True)]
    lines += [
        line.replace("1,", "2,", 1) for line in lines
    ]  # what is known of one order is used for the next
    found = found_in(tmp_path, *lines, header=",Sent", more=SENT)
    assert found.ids == ([] if told else ["1", "2"])
    assert [(told or "") in reason for reason in found.reasons] == [True] * (2 if told else 0)


def test_a_share_is_of_the_goods(tmp_path: Path) -> None:
    columns, more = 'discount = "Off"', '[meaning]\ndiscount = "share of order"'
    lines = [f"{MUGS},10%", "1,Shipping,1,5.00,,,10%"]
    assert found_in(tmp_path, *lines, header=",Off", columns=columns, more=more).order("1").total == 2300
    lines[1] = "1,Voucher,1,-5.00,,,"
    (reason,) = found_in(tmp_path, *lines, header=",Off", columns=columns, more=more).reasons
    assert reason.startswith("line 3, Item: is discount, and so is Off on line 2; take one of them out")
    with pytest.raises(InvalidUsage, match=r"share of line\W+cannot be beside"):
        found_in(tmp_path, *lines, header=",Off", columns=columns, more=more.replace("order", "line"))


def test_a_first_profile_proposes_them(tmp_path: Path) -> None:
    """Not where all rows of an order have the word: that is how it is sent."""
    lines = ["1,MUG,2,10.00,Delivery", "1,Shipping,1,5.00,Delivery", "2,Shipping label,1,3.00,Delivery"]
    lines += ["2,Sales Tax,1,0.30,Delivery", "2,Gutschein,1,-1.00,Delivery"]
    file = write(tmp_path, "Order,Item,Qty,Price,Way\n" + "".join(f"{line}\n" for line in lines))
    guessed = first_profile(str(file), [str(tmp_path)])
    told = guessed.split("[not_goods]")[1].strip().split("\n")
    assert told[0].startswith("# LOOK: ")
    assert told[1:5] == [
        'column = "Item"',
        'shipping_fee = ["Shipping"]',
        'tax = ["Sales Tax"]',
        'discount = ["Gutschein"]',
    ]
    assert "not_goods" not in first_profile(
        str(write(tmp_path, "Order,Item,Qty,Price\n1,MUG,1,1.00\n")), [str(tmp_path)]
    )


@pytest.mark.parametrize(("currency", "places"), [("USD", 2), ("JPY", 0), ("KWD", 3)])
@pytest.mark.parametrize("decimal", [".", ","])
def test_an_order_is_the_same_with_rows_as_with_columns(
    tmp_path: Path, decimal: str, currency: str, places: int
) -> None:
    dice = Random(f"{decimal}{currency}")
    rows = list[str]()
    bills: dict[str, tuple[int, ...]] = {}
    for number in range(50):
        fee, tax, discount = (dice.choice([0, dice.randrange(1, 3000)]) for _ in range(3))
        pieces, price = dice.randrange(1, 5), dice.randrange(3000, 9000)
        named = {"MUG": (pieces, price), "Shipping": (1, fee), "Sales tax": (1, tax)}
        named |= {"Voucher": dice.choice([(1, -discount), (-1, discount)])}
        lines = [
            f'{number},{name},{count},"{Decimal(each).scaleb(-places):f}",Reno,'.replace(".", decimal)
            for name, (count, each) in named.items()
        ]
        rows += dice.sample(lines, len(lines))
        bills[str(number)] = (pieces * price + fee + tax - discount, fee, tax, discount)
    profile = PROFILE.format(top=f'decimal = "{decimal}"', columns="", more="").replace("USD", currency)
    content = "No,Item,Qty,Rate,City,Total\n" + "\n".join(rows)
    found = read(tmp_path, content, profile=parse_profile(profile))
    orders = {order_id: found.order(order_id) for order_id in found.ids}
    assert {
        each: (order.total, order.shipping_fee, order.tax, order.discount) for each, order in orders.items()
    } == bills
