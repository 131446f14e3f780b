"""Orders that their shop has done with: a batch runs none, and tells them apart from what is wrong."""

import asyncio
import io
from pathlib import Path

import pytest
from temporalio.client import Client

from order_system.batches.outcome_files import rejects_from
from order_system.domain.batch import BatchProgress, BatchRequest, BatchStatus
from order_system.domain.ids import batch_workflow_id
from order_system.domain.order_file import FileFormat
from order_system.infra.database import Database
from tests.fixtures.documents.shop_export import export_of, order
from tests.fixtures.shops.batch_shop import BatchShop, assert_adds_up

SECONDS = 180


@pytest.fixture
def shop(client: Client, sqlite_database: Database, tmp_path: Path) -> BatchShop:
    return BatchShop(sqlite_database, client, tmp_path)


async def request_of(shop: BatchShop, file: Path, text: str) -> BatchRequest:
    file.write_text(text, encoding="utf-8", newline="")
    ref = await shop.files.inspect(str(file), file_format=FileFormat.SHOPIFY)
    return BatchRequest(name=f"{file.stem}-{shop.task_queue}", file=ref, page_bytes=300)


async def run_twice(shop: BatchShop, request: BatchRequest) -> list[BatchProgress]:
    async with shop.open(), asyncio.timeout(SECONDS):
        return [await shop.run(request), await shop.run(request)]


async def test_orders_that_are_left_out_are_counted_apart_and_never_run(
    shop: BatchShop, tmp_path: Path
) -> None:
    ours = shop.task_queue
    text = export_of(
        order(f"#{ours}-1"),
        order(f"#{ours}-2", cancelled=True, lines=3),
        order(f"#{ours}-3", quantity="none"),
        order(f"#{ours}-4", cancelled=True),
        order(f"#{ours}-5"),
    )
    request = await request_of(shop, tmp_path / "mixed.csv", text)

    progresses = await run_twice(shop, request)
    lines = await shop.outcome(request.name)
    rejects = io.StringIO(newline="")
    with rejects_from(request.file, [str(tmp_path)], rejects) as mending:
        for line in lines:
            if line.status == "rejected":
                mending.add(line)

    for progress, done in zip(progresses, ("fulfilled", "skipped"), strict=True):
        assert progress.status is BatchStatus.FINISHED
        assert_adds_up(progress)
        counts = progress.counts
        assert (counts.valid, getattr(counts, done)) == (2, 2)
        assert (counts.left_out, counts.rows_left_out) == (2, 4)
        assert (counts.rejected, counts.rows_rejected, counts.rows) == (1, 1, 7)
        assert counts.bytes_read == request.file.size
    assert [(line.first_line, line.last_line, line.status) for line in lines] == [
        (2, 2, "fulfilled"),
        (3, 5, "left out"),
        (6, 6, "rejected"),
        (7, 7, "left out"),
        (8, 8, "fulfilled"),
    ]
    assert all("cancelled" in (line.reason or "") for line in lines if line.status == "left out")
    assert [text.partition(",")[0] for text in rejects.getvalue().splitlines()] == ["Name", f"#{ours}-3"]
    assert len((await shop.world.statement()).shipments) == 2
    await shop.assert_clean()


async def test_a_batch_whose_orders_are_all_left_out_ends_well(shop: BatchShop, tmp_path: Path) -> None:
    text = export_of(*(order(f"#{shop.task_queue}-{number}", cancelled=True) for number in range(5)))
    request = await request_of(shop, tmp_path / "done.csv", text)

    for progress in await run_twice(shop, request):
        assert progress.status is BatchStatus.FINISHED
        assert_adds_up(progress)
        assert (progress.counts.valid, progress.counts.left_out, progress.orders_expected) == (0, 5, 0)
    assert (await shop.world.statement()).charges == ()


async def test_a_terminated_batch_still_tells_what_its_file_left_out(shop: BatchShop, tmp_path: Path) -> None:
    """The book keeps no such counts: they are the last word of the workflow."""
    text = export_of(order(f"#{shop.task_queue}-1"), order(f"#{shop.task_queue}-2", cancelled=True))
    request = await request_of(shop, tmp_path / "ended.csv", text)
    request = request.model_copy(update={"page_bytes": 1_000})
    async with shop.open(), asyncio.timeout(SECONDS):
        charge = shop.stage.hold("before find_payment")
        await shop.batches.start(request)
        await charge.reached()
        await shop.temporal.get_workflow_handle(batch_workflow_id(request.name)).terminate("by hand")
        ended = await shop.followed(request.name)
        charge.let_go()
    assert (ended.status, ended.counts.running) == (BatchStatus.FAILED, 1)
    assert (ended.counts.rows, ended.counts.left_out, ended.counts.rows_left_out) == (2, 1, 1)
