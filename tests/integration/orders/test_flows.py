"""The flow of an order is decided at the door, and travels in its workflow's input."""

from pathlib import Path

import pytest
from temporalio.client import Client

from order_system.batches.files.columns import parse_mapping
from order_system.batches.files.inspection import inspect_file
from order_system.batches.files.reader import read_page
from order_system.domain.errors import InvalidOrder, InvalidUsage
from order_system.domain.order import Capture, Flow, Handling
from order_system.infra.database import Database
from order_system.intake.form import order_document, order_schema
from order_system.orders.client import OrderClient
from tests.fixtures.documents.documents import order_from_document
from tests.fixtures.shops.batch_shop import HEADER, BatchShop, row, write_orders
from tests.fixtures.shops.flows import flow_in_history
from tests.fixtures.shops.shop import Shop, an_order


@pytest.mark.parametrize(
    ("of_order", "of_client", "runs"),
    [
        (None, None, None),
        (None, Flow.PARALLEL, Flow.PARALLEL),
        (Flow.SEQUENTIAL, Flow.PARALLEL, Flow.SEQUENTIAL),
        (Flow.PARALLEL, None, Flow.PARALLEL),
    ],
)
async def test_an_orders_own_flow_wins_over_the_settings(
    shop: Shop, of_order: Flow | None, of_client: Flow | None, runs: Flow | None
) -> None:
    order = an_order(flow=of_order)
    client = OrderClient(
        shop.temporal, shop.book, task_queue=shop.task_queue, defaults=Handling(flow=of_client)
    )
    await client.submit(order)
    assert await flow_in_history(shop.temporal, order.order_id) == runs
    await shop.handle(order).terminate()


@pytest.mark.parametrize(("of_batch", "of_client"), [(Flow.PARALLEL, None), (None, Flow.PARALLEL)])
async def test_a_batch_gives_its_flow_to_its_orders(
    client: Client, sqlite_database: Database, tmp_path: Path, of_batch: Flow | None, of_client: Flow | None
) -> None:
    shop, order_id = BatchShop(sqlite_database, client, tmp_path), an_order().order_id
    shop.batches.defaults = Handling(flow=of_client)
    async with shop.open():
        file = write_orders(tmp_path / "orders.csv", [row(order_id)])
        progress = await shop.run(await shop.request(f"flow-{order_id}", file, flow=of_batch))
    assert progress.counts.fulfilled == 1
    assert await flow_in_history(client, order_id) == Flow.PARALLEL


async def test_an_orders_own_column_wins_over_its_batch(
    client: Client, sqlite_database: Database, tmp_path: Path
) -> None:
    shop, ids = (
        BatchShop(sqlite_database, client, tmp_path),
        [f"FLOW-COLUMN-{number}" for number in range(3)],
    )
    told = zip(ids, ("sequential", "", "both"), strict=True)
    lines = [",".join([*HEADER, "flow"]), *(",".join([*row(order_id), flow]) for order_id, flow in told)]
    (tmp_path / "orders.csv").write_text("\n".join(lines))
    async with shop.open():
        request = await shop.request("flow-column", tmp_path / "orders.csv", flow=Flow.PARALLEL)
        progress = await shop.run(request)
    assert (progress.counts.fulfilled, progress.counts.rejected) == (2, 1)
    assert [await flow_in_history(client, order_id) for order_id in ids[:2]] == list(Flow)
    page = read_page(request.file, request.file.start, [str(tmp_path)])
    assert [problem.reason for problem in page.problems] == [
        "line 4, flow: must be 'sequential' or 'parallel'"
    ]
    assert {each.fingerprint for each in page.orders} == {
        each.order.model_copy(update={"flow": None}).fingerprint() for each in page.orders
    }


def test_a_document_has_it_when_it_is_set() -> None:
    document = order_document(an_order(flow=Flow.PARALLEL))
    assert order_from_document(document).flow is Flow.PARALLEL
    assert "flow" not in order_document(an_order())
    assert "flow" in str(order_schema())
    with pytest.raises(InvalidOrder, match="flow: must be 'sequential' or 'parallel'"):
        order_from_document(document | {"flow": "both"})


def test_capture_goes_the_same_way(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(
        "\n".join([",".join([*HEADER, "capture"]), ",".join([*row("A-1"), "on_dispatch"])])
    )
    page = read_page(
        ref := inspect_file(str(tmp_path / "orders.csv"), [str(tmp_path)]), ref.start, [str(tmp_path)]
    )
    [order] = [each.order for each in page.orders]
    told = Handling(flow=Flow.PARALLEL, capture=Capture.AT_ONCE)
    assert (order.capture, order.captured_on_dispatch) == (Capture.ON_DISPATCH, True)
    assert order.with_defaults(told).capture is Capture.ON_DISPATCH
    assert order.fingerprint() == order.model_copy(update={"capture": None}).fingerprint()
    assert order_from_document(order_document(order)).capture is Capture.ON_DISPATCH
    with pytest.raises(InvalidOrder, match="capture: must be 'at_once' or 'on_dispatch'"):
        order_from_document(order_document(order) | {"capture": "later"})


def test_it_is_no_part_of_the_content() -> None:
    assert len({an_order("A-1", flow=flow).fingerprint() for flow in (None, *Flow)}) == 1


def test_a_mapping_may_give_it_to_all_orders_of_a_file() -> None:
    assert parse_mapping("flow==parallel").constants == {"flow": "parallel"}
    with pytest.raises(InvalidUsage, match="flow must be 'sequential' or 'parallel'"):
        parse_mapping("flow==both")
