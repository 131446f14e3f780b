"""The proof: thirty orders, ten of them forgotten, everything stopped, and every byte searched."""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta
from itertools import cycle
from pathlib import Path

import pytest

from order_system.bootstrap import OrderSystem, open_order_system
from order_system.cli.app import run_command
from order_system.domain.batch import BatchRequest
from order_system.domain.errors import InvalidSettings
from order_system.domain.order import FirstAttempts, Order
from order_system.infra.logs import configure_logging, log_file
from order_system.infra.sealing.ring import KeyFile
from order_system.infra.settings import load_settings
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from order_system.web.uploads import Uploads
from tests.fixtures.books.canaries import carved, files_below, found_in, marked_order, opened, rows_of
from tests.fixtures.shops.batch_shop import write_orders

OLD, NEW = "2025-01", "2025-02"


pytestmark = pytest.mark.usefixtures("logging_as_it_was")


async def _chunks(path: Path) -> AsyncGenerator[bytes]:
    yield path.read_bytes()
    path.unlink()


async def _run(system: OrderSystem, address: str, batch: str, orders: list[Order]) -> None:
    """Half of them by hand, half by an uploaded file; most of them with first attempts as local activities,
    whose markers, too, have what was answered."""
    temporal = await connect(address)
    async with system.serving(temporal):
        client, batches = system.client(temporal), system.batch_client(temporal)
        by_hand, by_file = orders[::2], orders[1::2]
        rows = [_row(order) for order in by_file]
        file = write_orders(system.settings.data_dir / f"{batch}.csv", rows)
        async with Uploads(system.settings.uploads).received(batch, _chunks(file)) as upload:
            lasting = str(await upload.keep())
        file_of_batch = await system.files.inspect(lasting)
        await batches.start(BatchRequest(name=batch, file=file_of_batch, first_attempts=FirstAttempts.LOCAL))
        how = cycle(FirstAttempts)
        by_turns = (order.model_copy(update={"first_attempts": next(how)}) for order in by_hand)
        await asyncio.gather(*map(client.submit, by_turns))
        async for progress in batches.watch(batch):
            assert progress.counts.rejected == 0
        async for _ in client.watch([order.order_id for order in by_hand]):
            pass


def _row(order: Order) -> list[str]:
    customer, at, line = order.customer, order.shipping_address, order.lines[0]
    address = [at.street, at.city, at.region, at.postal_code, at.country]
    who = [order.order_id, order.currency, customer.name, customer.email, order.payment_method]
    return [*who, *address, line.sku, str(line.quantity), "29.99"]


def _words_of(marked: Sequence[tuple[Order, Sequence[str]]]) -> set[str]:
    return {word for _, words in marked for word in words}


@pytest.mark.long
async def test_of_ten_orders_out_of_thirty_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys, folder = KeyFile(tmp_path / "keys"), tmp_path / "data"
    env = {
        "ORDER_KEYS": str(keys.path),
        "ORDER_DATA_DIR": str(folder),
        "ORDER_LATENCY_MIN": "0",
        "ORDER_LATENCY_MAX": "0",
        "ORDER_FORGET_AFTER": "4000d",
        "ORDER_RECONCILE_EVERY": "3600",  # a run would need the old key for as long as the server keeps it
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    marked = [marked_order(f"CANARY-{number:02}") for number in range(30)]
    gone, kept = _words_of(marked[:10]), _words_of(marked[10:])
    orders = [order for order, _ in marked]

    old = keys.add(OLD)
    async with EmbeddedServer(folder, port=0, ui_port=0, headless=True) as server:
        configure_logging(settings, file=log_file(folder / "worker.log"))
        async with open_order_system(settings) as system:
            await _run(system, server.address, "old", orders[:10])
            before = carved(rows_of(folder / "temporal.db"))
            schedule = (await connect(server.address)).get_schedule_handle(
                f"forgetting-{system.book.book_id[:8]}"
            )
            assert (await schedule.describe()).schedule.spec.intervals[0].every == timedelta(days=1)
            keys.add(NEW)
            await _run(system, server.address, "new", orders[10:])
        in_clear = files_below(folder)
        monkeypatch.setenv("TEMPORAL_ADDRESS", server.address)
        with monkeypatch.context() as careless:
            careless.delenv("ORDER_KEYS")
            for joining in ([], ["--embedded"]):
                with pytest.raises(InvalidSettings, match="would be in clear"):
                    await run_command(["batch", "retry", "new", *joining])
        by_hand = [order.order_id for order in orders[:10:2]]
        for command in (
            ["forget", *by_hand, "--note", "ticket 123"],
            ["forget", "--batch", "old", "--note", "ticket 124"],
            ["status", by_hand[0]],
        ):
            assert await run_command(command) == 0
        os.utime(keys.path, (0, 0))  # as if some time had passed
        assert await run_command(["keys", "retire", OLD]) == 0
        assert await run_command(["audit"]) == 0

    left = files_below(folder)
    assert {folder / "temporal.db", folder / "orders.db", folder / "worker.log"} <= left.keys()
    printed = "".join(capsys.readouterr())
    assert printed.count(": forgotten") == 10
    assert re.search(r"^forgotten on .* by .*@.*: ticket 123$", printed, re.MULTILINE)
    assert found_in([*left.values(), printed.encode()], gone) == set()
    assert found_in(left.values(), kept) >= _words_of(marked[11::2]), "of an uploaded file"
    # All that is left of what the old key has sealed, in the server's rows and in free pages of its files.
    rows = list(rows_of(folder / "temporal.db"))
    everywhere = carved([*rows, *left.values()])
    assert not [each for each in opened(everywhere, keys.all()) if each and found_in([each], gone)]
    assert set(opened([each for each in everywhere if each[0] == OLD], keys.all())) == {None}
    # The others are whole. So would the ten be, as the search itself shows: of each it finds all before.
    there = opened([each for each in carved(rows) if each[0] == NEW], keys.all())
    assert None not in there
    assert found_in(filter(None, there), kept) == kept
    assert found_in(filter(None, opened(before, [old])), gone) == gone
    assert found_in(in_clear.values(), gone) >= _words_of(marked[1:10:2])
    assert not found_in(filter(None, opened(carved(rows), [old])), gone), "rows are left on the server"
