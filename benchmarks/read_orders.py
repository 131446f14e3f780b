"""Reading and checking a file of orders, as `batch plan` does, look-ups apart: rows a second of one core's
time, and memory over the start.

    python -m benchmarks.read_orders [ROWS] [--lines-per-order N]

Processor time as well as time, since other work on the machine slows only the latter.
"""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

from order_system.csv_orders import COLUMNS, OrderFiles, SeenOrders

FLOOR = 50_000
"""Rows a second."""
CEILING_MB = 150
CITIES = (("Portland", "OR", "97201"), ("New York", "NY", "10118"), ("Austin", "TX", "78701"))


def write_orders(path: Path, rows: int, lines_per_order: int) -> None:
    """Believable rows, no two alike."""
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(COLUMNS) + "\n")
        for row in range(rows):
            number, line = divmod(row, lines_per_order)
            city, region, postal_code = CITIES[number % len(CITIES)]
            name = "Zoë Ångström" if number % 10 == 0 else f"Ada Lovelace {number}"
            quantity, cents = number % 9 + 1, number % 2_000 + 99
            price = f"{cents // 100}.{cents % 100:02d}"
            total = quantity * cents + 500
            paid = f"{total // 100}.{total % 100:02d}" if lines_per_order == 1 else ""
            file.write(
                f"ORDER-{number:07d},USD,{name},customer{number}@example.com,pm_card_ok,"
                f"{number % 900 + 1} Main St,{city},{region},{postal_code},US,"
                f"SKU-{row % 5_000}-{line},{quantity},{price},5.00,0.00,,{paid}\n"
            )


async def read(path: Path) -> tuple[int, int]:
    """How many orders and problems; every ID is looked for among those before it."""
    files = OrderFiles([str(path.parent)])
    ref = await files.inspect(str(path))
    seen, position, orders, problems = SeenOrders(), ref.start, 0, 0
    while True:
        page = await files.read_page(ref, position)
        for each in page.orders:
            orders += seen.first_line(each.order_id, each.first_line) == each.first_line
        problems += len(page.problems)
        position = page.next
        if page.at_end:
            await files.verify(ref)
            return orders, problems


def peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> int:
    parser = argparse.ArgumentParser(description="Rows read and checked in a second, and memory.")
    parser.add_argument("rows", nargs="?", type=int, default=200_000)
    parser.add_argument("--lines-per-order", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "orders.csv")
        write_orders(path, options.rows, options.lines_per_order)
        size, before = path.stat().st_size, peak_mb()
        began, began_cpu = time.perf_counter(), time.process_time()
        orders, problems = asyncio.run(read(path))
        seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    grown = peak_mb() - before
    print(
        f"{options.rows:,} rows ({size / 1e6:.0f} MB), {orders:,} orders, {problems} problems: "
        f"{options.rows / seconds:,.0f} rows/s, {options.rows / cpu:,.0f} of processor time; "
        f"{grown:.0f} MB over the start"
    )
    return 0 if options.rows / cpu >= FLOOR and grown <= CEILING_MB and not problems else 1


if __name__ == "__main__":
    sys.exit(main())
