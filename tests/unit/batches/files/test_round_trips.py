"""Orders written as CSV, in any spelling that people's programs have, come back as the same orders."""

import random
import re
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from order_system.batches.files import COLUMNS
from order_system.domain.order import Order
from tests.fixtures.documents.documents import order_from_document
from tests.fixtures.documents.order_files import read

Sheet = Sequence[dict[str, str]]

# Not `="Ada"`: that is how spreadsheets write the text Ada, with their apostrophe before it, too.
_LABELS = st.one_of(
    st.sampled_from(
        ["Ada", 'Ada "Bo" Lovelace', "Smith, Jr.", "O'Hara", "Zoë Ångström", "-Ada", "=SUM(A1)", "@home"]
    ),
    st.text(alphabet='abcÄé ,"-=;', min_size=1, max_size=12).map(str.strip).filter(
        lambda text: re.search("[a-zÄé]", text) and not re.fullmatch('="[^"]*"', text)
    ),
)  # fmt: skip


@st.composite
def sheets(draw: st.DrawFn) -> list[dict[str, str]]:
    """The rows of some orders, all of which are valid."""
    rows: list[dict[str, str]] = []
    for number in range(draw(st.integers(1, 4))):
        order = {
            "order_id": f"A-{number}", "currency": draw(st.sampled_from(["USD", "EUR"])),
            "customer_name": draw(_LABELS), "customer_email": "ada@example.com",
            "payment_method": "pm_ok",
            "street": draw(_LABELS), "city": draw(_LABELS), "region": draw(st.sampled_from(["", "OR"])),
            "postal_code": draw(st.sampled_from(["", "97201"])), "country": "US", "shipping_fee": "4.90",
            "tax": draw(st.sampled_from(["", "0.00", "1.25"])), "discount": "", "total": "",
            "hold_on_failure": "",
            "flow": "", "capture": "",
        }  # fmt: skip
        for line in range(draw(st.integers(1, 3))):
            own = {"sku": f"SKU-{line}", "quantity": str(line + 1), "unit_price": "9.99"}
            repeats = line == 0 or draw(st.booleans())
            shared = order if repeats else {**dict.fromkeys(order, ""), "order_id": order["order_id"]}
            rows.append({**shared, **own})
    return rows


def order_of(rows: Sheet) -> Order:
    """What the rows mean, worked out without the reader."""
    first = rows[0]
    amounts = {name: first[name] for name in ("shipping_fee", "tax") if first[name]}
    address = {name: first[name] for name in ("street", "city", "region", "postal_code", "country")}
    own = [
        {"sku": row["sku"], "quantity": int(row["quantity"]), "unit_price": row["unit_price"]} for row in rows
    ]
    return order_from_document(
        {
            "order_id": first["order_id"],
            "currency": first["currency"],
            "customer": {"name": first["customer_name"], "email": first["customer_email"]},
            "payment_method": first["payment_method"],
            "shipping_address": address,
            "lines": own,
            **amounts,
        }
    )


def written(rows: Sheet, end: str, random_: random.Random) -> str:
    columns = random_.sample(list(COLUMNS), len(COLUMNS))
    header = ",".join(random_.choice([name, name.upper(), f" {name}"]) for name in columns)
    lines = [header]
    for row in rows:
        lines += [""] * random_.choice([0, 0, 0, 1, 2])
        lines.append(",".join(_quoted(row[name], random_) for name in columns))
    return end.join([*lines, *random_.choice([[], [""], ["", "", ""]])])


def _quoted(cell: str, random_: random.Random) -> str:
    # An apostrophe is the spreadsheet's sign that this is text, and no part of it.
    cell = f"'{cell}" if cell.startswith(("=", "-", "@")) else cell
    if any(sign in cell for sign in ',"') or random_.random() < 0.2:
        return '"' + cell.replace('"', '""') + '"'
    return cell


@given(
    rows=sheets(),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "cp1252"]),
    max_bytes=st.sampled_from([1, 300, 1_000_000]),
    seed=st.integers(0, 1_000_000),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_orders_come_back_as_they_were(  # noqa: PLR0917
    tmp_path: Path, rows: Sheet, end: str, encoding: str, max_bytes: int, seed: int
) -> None:
    content = written(rows, end, random.Random(seed)).encode(encoding)
    found = read(tmp_path, content, max_bytes, encoding=encoding.removesuffix("-sig"))
    ids = list(dict.fromkeys(row["order_id"] for row in rows))
    assert (found.ids, found.reasons, found.rows) == (ids, [], len(rows))
    for order_id in ids:
        assert found.order(order_id) == order_of([row for row in rows if row["order_id"] == order_id])
