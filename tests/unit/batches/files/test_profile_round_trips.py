"""An order that is written as a profile says, and read by that profile, is the same order."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from order_system.domain.money import decimal_text
from order_system.domain.order import Address, Customer, Order, OrderLine
from order_system.domain.order_profile import Profile
from tests.fixtures.documents.order_files import csv_line, read

Cells = dict[str, str]
AMOUNTS = ("shipping_fee", "tax", "discount")

# A letter first: made so, since too few of those that are made otherwise would do, and be filtered out.
_TEXTS = st.builds(
    lambda first, rest: f"{first}{rest}".rstrip(),
    st.sampled_from("abÄéß"),
    st.text(alphabet="abÄéß ,;|-.'", max_size=8),
)
_PER_LINE_OR_ORDER = st.sampled_from(["per line", "per order"])


@st.composite
def orders(draw: st.DrawFn) -> list[Order]:
    currency = draw(st.sampled_from(["USD", "EUR", "JPY", "KWD"]))
    made: list[Order] = []
    for number in range(draw(st.integers(1, 3))):
        name, street, city = draw(_TEXTS), draw(_TEXTS), draw(_TEXTS)
        address = Address(street=street, city=city, region="", postal_code="", country="DE")
        prices = draw(st.lists(st.integers(1, 3_000_000), min_size=1, max_size=3))
        lines = [
            OrderLine(sku=f"SKU-{place}", quantity=draw(st.integers(1, 40)), unit_price=price)
            for place, price in enumerate(prices)
        ]
        fee, tax = draw(st.integers(0, 5_000)), draw(st.integers(0, 5_000))
        made.append(
            Order(
                order_id=f"A-{number}",
                currency=currency,
                customer=Customer(name=name, email="ada@example.com"),
                payment_method="pm_ok",
                shipping_address=address,
                lines=tuple(lines),
                shipping_fee=fee,
                tax=tax,
                discount=draw(st.integers(0, min(lines[0].unit_price - 1, 5_000))),
            )
        )
    return made


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    return Profile.model_validate(
        {
            "separator": draw(st.sampled_from([",", ";", "\t", "|"])),
            "encoding": draw(st.sampled_from(["utf-8", "cp1252", "latin-1"])),
            "decimal": draw(st.sampled_from([".", ","])),
            "columns": {
                "order_id": "No.",
                "sku": "Item",
                "customer_name": ["First?", "Last"],
                "shipping_fee": "Freight",
                "tax": ["VAT", "Other tax?"],
                "discount": "Off",
                "total": "Sum",
            },
            "meaning": {
                "unit_price": draw(st.sampled_from(["each", "line total"])),
                **{field: draw(_PER_LINE_OR_ORDER) for field in AMOUNTS},
            },
            "id_prefix": draw(st.sampled_from(["", "shopA-"])),
        }
    )


def rows_of(order: Order, profile: Profile, *, repeats: bool) -> list[Cells]:
    """The first row has what is the order's; `repeats`: the others, too."""

    def text(minor: int) -> str:
        return decimal_text(minor, order.currency).replace(".", profile.decimal)

    shared = {
        "No.": order.order_id, "currency": order.currency, "Last": order.customer.name,
        "Sum": text(order.total), "customer_email": order.customer.email,
        "street": order.shipping_address.street, "city": order.shipping_address.city, "country": "DE",
        "payment_method": "pm_ok",
    }  # fmt: skip
    rows: list[Cells] = []
    for place, line in enumerate(order.lines):
        price = line.unit_price * (line.quantity if profile.meaning["unit_price"] == "line total" else 1)
        own = {"Item": line.sku, "quantity": str(line.quantity), "unit_price": text(price)}
        amounts = {"Freight": order.shipping_fee, "VAT": order.tax, "Off": order.discount}
        for field, (name, amount) in zip(AMOUNTS, amounts.items(), strict=True):
            if profile.is_per_line(field):
                share = amount // len(order.lines)
                own[name] = text(share + (amount - share * len(order.lines) if place == 0 else 0))
            else:
                own[name] = text(amount) if place == 0 or repeats else ""
        own["Other tax"] = text(0) if own["VAT"] else ""
        others = dict.fromkeys(shared, "") | {"No.": order.order_id}
        rows.append((shared if place == 0 or repeats else others) | own)
    return rows


@given(made=orders(), profile=profiles(), repeats=st.booleans(), max_bytes=st.sampled_from([1, 1_000_000]))
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_orders_come_back(
    tmp_path: Path, made: list[Order], profile: Profile, *, repeats: bool, max_bytes: int
) -> None:
    rows = [cells for order in made for cells in rows_of(order, profile, repeats=repeats)]
    lines = [
        csv_line(cells, separator=profile.separator) for cells in (rows[0], *(row.values() for row in rows))
    ]
    found = read(tmp_path, "".join(lines).encode(profile.encoding), max_bytes, profile=profile)
    assert found.reasons == []
    for order in made:
        read_again = found.order(profile.id_prefix + order.order_id)
        assert read_again == order.model_copy(update={"order_id": read_again.order_id})
