"""A Shopify export from end to end: what was shipped is not shipped again, and what was paid is not charged
again."""

import asyncio
import csv
from pathlib import Path

from temporalio.client import Client

from order_system.batches.files import load_profile
from order_system.batches.reports import Plan
from order_system.domain.batch import BatchRequest, BatchStatus
from order_system.domain.gateways import PaymentElsewhere
from order_system.domain.ids import split_key
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.infra.database import Database
from tests.fixtures.documents.shopify_files import REAL_HEADER
from tests.fixtures.shops.batch_shop import BatchShop, assert_adds_up

SECONDS = 120
NO_CARRIER_GOES_THERE = "'00000"
_MUG = {"Lineitem name": "Mug", "Lineitem sku": "MUG-1"}
_BOWL = {"Lineitem name": "Bowl", "Lineitem sku": "BOWL-1"}
_LINE = {
    "Lineitem quantity": "1",
    "Lineitem price": "20.00",
    "Lineitem requires shipping": "true",
    "Lineitem taxable": "true",
    "Lineitem fulfillment status": "pending",
    "Lineitem discount": "0.00",
}
_ORDER = {
    "Email": "kim@example.com",
    "Financial Status": "paid",
    "Paid at": "2026-03-02 09:14:51 -0800",
    "Fulfillment Status": "unfulfilled",
    "Accepts Marketing": "no",
    "Currency": "USD",
    "Subtotal": "40.00",
    "Shipping": "5.00",
    "Taxes": "0.00",
    "Total": "45.00",
    "Discount Amount": "0.00",
    "Shipping Method": "Standard",
    "Created at": "2026-03-02 09:14:51 -0800",
    "Shipping Name": "Kim Doe",
    "Shipping Street": "1 Test St",
    "Shipping Address1": "1 Test St",
    "Shipping City": "Boise",
    "Shipping Zip": "'83702",
    "Shipping Province": "ID",
    "Shipping Country": "US",
    "Payment Method": "Shopify Payments",
    "Refunded Amount": "0.00",
    "Outstanding Balance": "0.00",
    "Source": "web",
    "Risk Level": "Low",
}
_MUG_IS_SHIPPED = {"Fulfillment Status": "partial", "Lineitem fulfillment status": "fulfilled"}
_SHIPPED = {"Fulfillment Status": "fulfilled", "Fulfilled at": "2026-03-03 08:00:00 -0800"}
_EXPORT = {
    "paid": {},
    "partly": _MUG_IS_SHIPPED,
    "partly-undone": {**_MUG_IS_SHIPPED, "Shipping Zip": NO_CARRIER_GOES_THERE},
    "fulfilled": {**_SHIPPED, "Lineitem fulfillment status": "fulfilled"},
    "refunded": {"Financial Status": "refunded", "Refunded Amount": "45.00"},
    "some-refunded": {"Financial Status": "partially_refunded", "Refunded Amount": "20.00"},
    "voided": {"Financial Status": "voided", "Paid at": ""},
    "digital": {"Lineitem requires shipping": "false"},
    "cancelled": {"Cancelled at": "2026-03-02 10:00:00 -0800"},
    "pending": {"Financial Status": "pending", "Paid at": "", "Outstanding Balance": "45.00"},
}
"""Of each order: what is not so with the others. Each holds a mug and a bowl."""
LEFT_OUT = {"fulfilled", "refunded", "some-refunded", "voided", "digital", "cancelled"}


def write_export(file: Path, ours: str) -> None:
    with file.open("w", encoding="utf-8", newline="") as target:
        rows = csv.DictWriter(target, REAL_HEADER)
        rows.writeheader()
        for name, changes in _EXPORT.items():
            order_id = f"#{ours}-{name}"
            paid_by = {"Payment Reference": f"{ours}.{name}"}
            rows.writerow({"Name": order_id, **_ORDER, **_LINE, **_MUG, **paid_by, **changes})
            further = {key: value for key, value in changes.items() if key == "Lineitem requires shipping"}
            further |= {"Lineitem fulfillment status": "fulfilled"} if name == "fulfilled" else {}
            rows.writerow({"Name": order_id, "Email": _ORDER["Email"], **_LINE, **_BOWL, **further})


async def planned(shop: BatchShop, request: BatchRequest) -> Plan:
    async for _, plan in shop.batches.plan(request.file):
        found = plan
    return found


async def test_what_was_shipped_is_not_shipped_again_and_what_was_paid_is_not_charged_again(
    client: Client, sqlite_database: Database, tmp_path: Path
) -> None:
    world = SimulatedWorld(sqlite_database, strict_payments=True)
    shop = BatchShop(sqlite_database, client, tmp_path, world)
    ours, file = shop.task_queue, tmp_path / "orders_export_1.csv"
    write_export(file, ours)
    for name in _EXPORT:
        await world.payments.receive(f"{ours}.{name}", amount=4500, currency="USD")
    ref = await shop.files.inspect(str(file), profile=load_profile("shopify"))
    request = BatchRequest(name=f"shopify-{ours}", file=ref)

    plan = await planned(shop, request)
    assert (plan.fates, plan.left_out, plan.problems, plan.rows) == ({"new": 3}, 6, 1, 20)
    assert {each.order_id for each in plan.left_out_examples} == {f"{ours}-{name}" for name in LEFT_OUT}
    async with shop.open(), asyncio.timeout(SECONDS):
        progress = await shop.run(request)
        again = await shop.run(request)
        lines = {line.order_id: line for line in await shop.outcome(request.name)}

    assert progress.status is BatchStatus.FINISHED
    for each in (progress, again):
        assert_adds_up(each)
        counts = each.counts
        assert (counts.valid, counts.failed, counts.left_out, counts.rejected) == (3, 1, 6, 1)
        assert (counts.rows_left_out, counts.rows_rejected, counts.rows) == (12, 2, 20)
    assert (progress.counts.fulfilled, again.counts.skipped) == (2, 2)
    assert {order_id: line.status for order_id, line in lines.items()} == {
        **{f"{ours}-{name}": "left out" for name in LEFT_OUT},
        **{f"{ours}-{name}": "fulfilled" for name in ("paid", "partly")},
        f"{ours}-partly-undone": "failed",
        f"{ours}-pending": "rejected",
    }
    assert lines[f"{ours}-fulfilled"].reason == "not to be shipped: fulfilled in the shop on 2026-03-03"

    statement = await world.statement()
    assert statement.charges == ()
    refunded = {f"{ours}.partly-undone": 2000}
    assert set(statement.payments) == {
        PaymentElsewhere(reference, 4500, "USD", refunded.get(reference, 0))
        for reference in (f"{ours}.{name}" for name in _EXPORT)
    }
    parcels = {split_key(each.label_key)[0] for each in statement.shipments if each.state == "dispatched"}
    assert parcels == {f"{ours}-paid", f"{ours}-partly"}
    gone = {split_key(each.key)[0]: dict(each.lines) for each in statement.reservations}
    assert gone[f"{ours}-partly"] == {"BOWL-1": 1}
    assert gone[f"{ours}-paid"] == {"MUG-1": 1, "BOWL-1": 1}
    await shop.assert_clean()
