"""Other people's columns, Shopify's export, JSON Lines, object stores: what they become."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec  # pyright: ignore[reportMissingTypeStubs]
import pytest
from fsspec.implementations.memory import MemoryFileSystem  # pyright: ignore[reportMissingTypeStubs]

from order_system.batches.files import OrderFiles, inspect_file, parse_mapping
from order_system.domain.errors import InvalidUsage
from order_system.domain.order_file import FileFormat, FileRefused, FileUnreachable, ProblemKind
from tests.fixtures.documents.order_files import (
    Reading,
    csv_line,
    csv_text,
    inspect,
    read,
    read_whole,
    refusal,
    row,
    write,
)
from tests.fixtures.documents.shopify_files import SHOPIFY_HEADER, shopify_row
from tests.fixtures.processes.command_line import ROOT
from tests.unit.batches.files.test_built_in_profiles import example

# --- other columns --------------------------------------------------------------------------------

MAPPING = parse_mapping(
    "order_id=orderID,customer_name=buyer,customer_email=mail,street=addr,city=town,sku=productID,"
    'quantity=qty,unit_price=price,currency==USD,payment_method==pm_card_ok,country==US,"region==OR"'
)
SHOP_HEADER = "price,qty,productID,note,orderID,buyer,mail,addr,town\n"


@pytest.mark.parametrize("max_bytes", [1, 1_000_000])
def test_columns_are_mapped_and_constants_fill_in_on_every_row(tmp_path: Path, max_bytes: int) -> None:
    content = SHOP_HEADER + (
        "9.99,2,MUG,a note,7001,Ada,ada@example.com,1 Main St,Portland\n"
        "1.50,1,LID,,7001,,,,\n"
        "9.99,0,MUG,,7002,Bo,bo@example.com,2 Main St,Portland\n"
    )
    found = read(tmp_path, content, max_bytes, mapping=MAPPING)
    order = found.order("7001")
    assert (order.currency, order.payment_method, order.shipping_address.region) == (
        "USD",
        "pm_card_ok",
        "OR",
    )
    assert [(each.sku, each.quantity, each.unit_price) for each in order.lines] == [
        ("MUG", 2, 999),
        ("LID", 1, 150),
    ]
    # The file's own name for the column.
    assert found.reasons == ["line 4, qty: must be between 1 and 10,000"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("order=ID", "order is no field of an order"),
        ("sku=a,sku=b", "mapped twice"),
        ("sku==MUG", "cannot be a constant"),
        ("quantity==0", "quantity must be between 1 and 10,000"),
        ("currency==dollars", "currency must be"),
        ("currency", "field=column"),
        ('"currency==USD', "field=column"),
        ("payment_method==4111111111111111", "card number"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(text: str, told: str) -> None:
    with pytest.raises(InvalidUsage) as refused:
        parse_mapping(text)
    assert told in str(refused.value)
    assert "4111" not in str(refused.value)


def test_a_mapped_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = write(tmp_path, SHOP_HEADER.replace("qty", "quantities") + "x\n")
    assert "there is no column qty for quantity" in refusal(file, mapping=MAPPING)


# --- Shopify --------------------------------------------------------------------------------------


def shopify(folder: Path, *rows: list[str], **options: Any) -> Reading:
    content = csv_line(SHOPIFY_HEADER) + "".join(map(csv_line, rows))
    return read(folder, content, file_format=FileFormat.SHOPIFY, **options)


def test_the_example_export_is_read_as_it_comes() -> None:
    found = read_whole(inspect(ROOT / "examples" / "shopify_orders_export.csv", FileFormat.SHOPIFY))
    assert found.ids == ["1001", "1002", "1003"]
    assert found.reasons == ["not to be shipped: cancelled in the shop on 2026-03-03"]
    first, second, third = (found.order(order_id) for order_id in found.ids)
    assert [(each.sku, each.quantity) for each in first.lines] == [
        ("MUG-MOSS-350", 2),
        ("GIFT-CARD-HOLDER", 1),
    ]
    assert (first.shipping_fee, first.tax, first.discount, first.total) == (650, 653, 880, 9223)
    assert first.shipping_address.street == "118 Alder St, Apt 4"
    assert (first.shipping_address.postal_code, first.payment_method) == ("97205", "paid:5812000001001")
    # Prices that hold the tax; a discount that was free shipping.
    assert (second.tax, second.shipping_fee, second.total) == (0, 490, 4060)
    assert second.lines[0].sku.startswith("LEINENTUCH-NATUR-")
    assert (third.discount, third.total) == (0, 2400)


@pytest.mark.parametrize("max_bytes", [1, 1_000_000])
def test_rows_of_one_sku_are_one_line_and_a_wrong_total_is_told(tmp_path: Path, max_bytes: int) -> None:
    found = shopify(
        tmp_path,
        shopify_row(Total="30.00"),
        shopify_row(further=True, **{"Lineitem quantity": "2"}),
        shopify_row(Name="#1002", Total="99.00"),
        shopify_row(Name="#1003", **{"Lineitem sku": "", "Lineitem name": ""}),
        max_bytes=max_bytes,
    )
    assert [(each.sku, each.quantity) for each in found.order("1001").lines] == [("MUG", 3)]
    wrong_total, no_sku = found.problems
    assert (wrong_total.first_line, wrong_total.column, wrong_total.order_id) == (4, "Total", "1002")
    assert "must be 10.00 USD" in wrong_total.reason
    assert (no_sku.first_line, no_sku.column) == (5, "Lineitem sku")


def test_rows_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    found = shopify(tmp_path, shopify_row(Total="20.00"), shopify_row(further=True, Email="eve@example.com"))
    assert found.reasons == ["line 3, Email: differs from line 2; repeat it, or leave it blank"]


# --- JSON Lines -----------------------------------------------------------------------------------


def document(order_id: str, **changes: object) -> str:
    orders = json.loads((ROOT / "examples" / "orders.json").read_text(encoding="utf-8"))
    return json.dumps({**orders[0], "order_id": order_id, **changes})


@pytest.mark.parametrize("max_bytes", [1, 1_000_000])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_json_lines(tmp_path: Path, end: str, max_bytes: int) -> None:
    lines = [document("A-1"), "", document("A-2", reject_reason="old"), '{"order_id": "A-3", ', "[]",
             document("A-4", currency="dollars"), document("A-5", note="x" * 200_000),
             document("A-6")]  # fmt: skip
    found = read(tmp_path, "\ufeff" + end.join(lines), max_bytes, name="orders.jsonl")
    assert [(order_id, first) for order_id, first, *_ in found.orders] == [("A-1", 1), ("A-2", 3), ("A-6", 8)]
    assert [each.first_line for each in found.problems] == [4, 5, 6, 7]
    assert (found.rows, found.problems[2].column, found.problems[2].order_id) == (7, "currency", "A-4")
    assert "longer than 131,072 bytes" in found.problems[3].reason


@pytest.mark.parametrize(
    ("content", "told"), [("", "empty"), ("\n \n", "empty"), ("[\n]\n", "jq"), ("{\n}\n", "jq")]
)
def test_json_that_is_no_lines_is_refused(tmp_path: Path, content: str, told: str) -> None:
    assert told in refusal(write(tmp_path, content, "orders.jsonl"))


# --- object stores --------------------------------------------------------------------------------


class StrictStore(MemoryFileSystem):
    """As S3 does, it refuses a range that begins at the end; and it can be down."""

    protocol = "strict"
    store: dict[str, Any] = {}  # noqa: RUF012 - its own, not the class's above
    down = False

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.replace("strict://", "memory://"))

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        if self.down:
            raise RuntimeError("SlowDown\nplease reduce your request rate")
        if (start or 0) >= self.size(path):
            raise OSError("InvalidRange")
        return super().cat_file(path, start, end, **kwargs)


@pytest.fixture
def stores() -> Iterator[None]:
    fsspec.register_implementation("strict", StrictStore, clobber=True)
    yield
    for protocol in ("memory", "strict"):
        store = fsspec.filesystem(protocol)
        store.store.clear()


@pytest.mark.usefixtures("stores")
@pytest.mark.parametrize("scheme", ["memory", "strict"])
async def test_an_object_is_read_by_pages_and_its_replacement_noticed(scheme: str) -> None:
    store, url = fsspec.filesystem(scheme), f"{scheme}://shop/orders/today.csv"
    store.pipe("/shop/orders/today.csv", csv_text(row("A-1"), row("A-2")).encode())
    files = OrderFiles([f"{scheme}://shop/orders"])
    ref = await files.inspect(url)
    page = await files.read_page(ref, max_bytes=1)
    assert [each.order_id for each in page.orders] == ["A-1"]
    assert [each.order_id for each in (await files.read_page(ref, page.next, 1)).orders] == ["A-2"]
    await files.verify(ref)

    store.pipe("/shop/orders/today.csv", csv_text(row("A-1"), row("A-3")).encode())
    with pytest.raises(FileRefused, match="has changed since it was checked"):
        await files.read_page(ref, page.next)


@pytest.mark.usefixtures("stores")
def test_a_store_that_is_down_is_no_verdict_on_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec.filesystem("strict").pipe("/shop/orders.csv", csv_text(row()).encode())
    monkeypatch.setattr(StrictStore, "down", True)
    with pytest.raises(FileUnreachable) as failed:
        inspect_file("strict://shop/orders.csv", ["strict://shop"])
    assert str(failed.value).endswith("does not give it out just now (RuntimeError: SlowDown)")


@pytest.mark.usefixtures("stores")
@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("memory://shop/orders/missing.csv", "there is no such file"),
        ("memory://shop/orders/old", "is a folder"),
        ("memory://shop/orders/bomb.csv.gz", "is compressed; gunzip it first"),
        ("memory://shop/orders/../secret.csv", "is not under the folders"),
        ("memory://shop/orders/%2e%2e/secret.csv", "is not under the folders"),
        ("memory://shop/orders-of-others/a.csv", "is not under the folders"),
        ("memory://shop/orders//a.csv", "is not under the folders"),
        ("simplecache::memory://shop/orders/a.csv", "is not under the folders"),
        ("memory://shop/orders@evil.example/a.csv", "is not under the folders"),
        ("http://169.254.169.254/latest/orders.csv", "is not under the folders"),
        ("s3://shop/orders/a.csv", "is not under the folders"),
    ],
)
def test_only_objects_below_the_roots_are_read(url: str, told: str) -> None:
    store = fsspec.filesystem("memory")
    for path in ("secret.csv", "orders/old/a.csv", "orders-of-others/a.csv"):
        store.pipe(f"/shop/{path}", csv_text(row()).encode())
    store.pipe("/shop/orders/bomb.csv.gz", b"\x1f\x8b" + bytes(1_000))
    message = refusal(url, roots=["/nowhere", "memory://shop/orders"])
    assert message.startswith(url)
    assert told in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "column"), [("woocommerce", "Shipping Method Title"), ("shopify", "Shipping Method")]
)
def test_what_is_picked_up_is_not_shipped_to_the_address_beside_it(
    tmp_path: Path, name: str, column: str
) -> None:
    for way in (
        *(
            "Local pickup",
            "Selbstabholung im Laden",
            "Click & Collect",
            "Nouto myymälästä",
            "Odbiór osobisty",
        ),
        *("Mağazadan Teslim Al", "매장 픽업", "到店自提", "Παραλαβή από το κατάστημα", "איסוף עצמי"),
        *("Hent i butik", "Hent selv i butikken", "店頭受け取り", "店舗で受け取る", "Levantar na loja"),
    ):
        (problem,) = example(tmp_path, name, {column: way}).problems
        assert problem.kind is ProblemKind.LEFT_OUT, way
        assert problem.reason == "not to be shipped: to be picked up at the shop"
