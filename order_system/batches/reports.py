"""Reports on a batch's file that need no server: what a run would do, and what became of each line."""

from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from order_system.batches.files import OrderFiles, duplicate
from order_system.batches.files.apart import SeenOrders
from order_system.book.batches import SqlBatchBook
from order_system.domain.batch import BatchRecord, Fate, fate_of
from order_system.domain.book import SubmissionRecord, SubmissionStatus
from order_system.domain.errors import UnknownBatch
from order_system.domain.ids import batch_workflow_id, check_batch_name, order_workflow_id
from order_system.domain.money import decimal_text, format_decimal
from order_system.domain.order_file import FileRef, ParsedOrder, Position, ProblemKind, RowProblem
from order_system.domain.order_profile import UNCHECKED
from order_system.domain.payment_methods import Elsewhere, made_elsewhere
from order_system.domain.wording import so_many

MAX_EXAMPLES = 50

A_RUN_WILL = {
    "new": "start them",
    "failed": "run them again",
    "cancelled": "run them again",
    "terminated": "settle what they left open, and run them again",
    "open": "skip those that run; settle the others, and run them again",
    "fulfilled": "skip them",
    Fate.CONFLICT: "leave them alone: they are fulfilled or running with other content",
    "duplicate": "leave them out: the same ID stands earlier in the file",
    "invalid": "leave them out, and keep them as rejects for you to mend",
    ProblemKind.LEFT_OUT: "leave them out: not to be shipped, says the shop",
}
"""What a run does with an order, by the plan's word for the order. An open order is tried, too: if it runs,
the server refuses a second start; if its workflow is gone, only the book has it as open. The plan asks no
server, so it counts any open order with other content as a conflict, even one that a run would settle."""

STARTED = ("new", "failed", "cancelled", "terminated")
"""The words for orders that a run starts. An open order may still run: it is only tried, and not added up."""


@dataclass(frozen=True)
class Sum:
    """The total of the orders that a run starts, in one currency."""

    currency: str
    paid_already: bool
    orders: int
    total: str
    """Decimal text."""

    def __str__(self) -> str:
        return f"{self.orders:,} order{'s' * (self.orders != 1)}, {format_decimal(self.total, self.currency)}"


@dataclass
class Plan:
    """What a run of a file would do."""

    file: FileRef
    rows: int = 0
    orders: int = 0
    fates: dict[str, int] = field(default_factory=dict[str, int])
    """The number of orders by the plan's word for them: new, a conflict, or their status in the book."""
    conflicts: list[str] = field(default_factory=list[str])
    problems: int = 0
    duplicates: int = 0
    examples: list[RowProblem] = field(default_factory=list[RowProblem])
    """The first problems and duplicates, up to MAX_EXAMPLES."""
    money: dict[tuple[str, bool], tuple[int, int]] = field(default_factory=dict)
    """The number and the minor units of orders to be STARTED, by currency and by whether they are paid."""
    counted_once: int = 0
    """The number of orders with an amount that is on several rows, and counts once."""
    left_out: int = 0
    """The number of orders that the shop says are not to be shipped."""
    left_out_examples: list[RowProblem] = field(default_factory=list[RowProblem])
    """The first of them, up to MAX_EXAMPLES."""
    _apart: set[str] = field(default_factory=set[str])
    """The orders with scattered rows that were counted already: each has several problems."""

    def add_problem(self, problem: RowProblem) -> None:
        self.rows += problem.rows
        if problem.order_id in (self.file.apart or {}):
            if problem.order_id in self._apart:
                return
            self._apart.add(problem.order_id)
        self.duplicates += problem.kind is ProblemKind.DUPLICATE
        self.problems += problem.kind is ProblemKind.INVALID
        self.left_out += problem.is_left_out
        examples = self.left_out_examples if problem.is_left_out else self.examples
        if len(examples) < MAX_EXAMPLES:
            examples.append(problem)

    def numbers(self) -> dict[str, int]:
        """Return the numbers that are not 0, by the words of A_RUN_WILL and in their order."""
        others = {"duplicate": self.duplicates, "invalid": self.problems, ProblemKind.LEFT_OUT: self.left_out}
        numbers = {**self.fates, **others}
        return {name: number for name in A_RUN_WILL if (number := numbers.get(name))}

    def sums(self) -> list[Sum]:
        return [
            Sum(currency, paid, orders, decimal_text(total, currency))
            for (currency, paid), (orders, total) in sorted(self.money.items())
        ]

    def in_money(self) -> str:
        """Return e.g. `a run charges 3 orders, 4,210.00 USD; paid already: 8 orders, 1,200.00 USD`."""
        charged, paid = (
            [str(each) for each in self.sums() if each.paid_already is so] for so in (False, True)
        )
        told = f"a run charges {' and '.join(charged) or 'nothing'}"
        told += f"; paid already: {' and '.join(paid)}" if paid else ""
        return told + ("; open orders are not counted" if "open" in self.fates else "")

    def warnings(self) -> list[str]:
        """Return what the file may mean otherwise, each in a sentence."""
        orders = so_many(self.counted_once, "order has", "orders have")
        told = (
            f"{orders} a shipping fee, tax or discount on several rows, which counts once. If each row has "
            'a share of its own, say so in a profile: shipping_fee = "per line" under [meaning].'
        )
        guess = self.file.profile is not None and self.file.profile.guessed
        return [*([UNCHECKED] if guess else []), *([told] if self.counted_once else [])]

    def document(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "orders": self.orders,
            "by_status": {str(status): number for status, number in self.fates.items()},
            "sums": [asdict(each) for each in self.sums()],
            "conflicts": self.conflicts,
            "invalid": self.problems,
            "duplicates": self.duplicates,
            "left_out": self.left_out,
            "warnings": self.warnings(),
            "problems": [asdict(problem) for problem in self.examples],
            "left_out_orders": [asdict(order) for order in self.left_out_examples],
        }


@dataclass(frozen=True)
class LineOutcome:
    """The fate of the rows of an order, or of rows that are no order. Each line of the file is in just one.

    The fields are also the columns of the outcome file."""

    first_line: int
    last_line: int
    rows: int
    order_id: str | None
    workflow_id: str | None
    status: str
    """An order's status, or `rejected`, `duplicate`, `left out`, `conflict`, `not started`."""
    failed_step: str | None = None
    reason: str | None = None
    closed_at: datetime | None = None
    refunds: str | None = None
    """The refunds after the order was fulfilled: amount, when, by whom, why and the result."""


class BatchReports:
    """The half of `BatchClient` that needs only the book and the file."""

    def __init__(self, book: SqlBatchBook, files: OrderFiles) -> None:
        self._book = book
        self._files = files

    async def plan(self, file: FileRef) -> AsyncGenerator[tuple[int, Plan]]:
        """Yield the bytes read so far and the plan so far, page by page. A dry run: it writes nothing."""
        plan = Plan(file)
        async for offset, orders, problems in self._pages(file):
            known = await self._book.find([order.order_id for order in orders])
            for order in orders:
                name = _planned(order, known.get(order.order_id))
                plan.fates[name] = plan.fates.get(name, 0) + 1
                if name in STARTED:
                    key = order.currency, made_elsewhere(order.payment_method) is Elsewhere.PAID
                    number, total = plan.money.get(key, (0, 0))
                    plan.money[key] = number + 1, total + order.total
                plan.orders += 1
                plan.rows += order.rows
                plan.counted_once += order.counted_once
                if name == Fate.CONFLICT and len(plan.conflicts) < MAX_EXAMPLES:
                    plan.conflicts.append(order.order_id)
            for problem in problems:
                plan.add_problem(problem)
            yield offset, plan

    async def outcome(self, name: str) -> AsyncGenerator[LineOutcome]:
        """Yield every line of the newest run's file, joined with the book. Raises UnknownBatch, and
        FileChanged if the file is no longer there as it was."""
        record = await self.record(name)
        await self._files.verify(record.request.file)
        async for _, orders, problems in self._pages(record.request.file):
            ids = [order.order_id for order in orders]
            known, refunds = await self._book.find(ids), await self._book.refunds(ids)
            fates = await self._book.fates(record.batch, record.run, ids)
            lines = [
                *(_line_of(each, known.get(each.order_id), fates.get(each.order_id)) for each in orders),
                *map(_line_of_problem, problems),
            ]
            for line in sorted(lines, key=lambda line: line.first_line):
                is_fulfilled = line.status == SubmissionStatus.FULFILLED
                told = refunds.get(line.order_id or "", []) if is_fulfilled else []
                yield replace(line, refunds="; ".join(map(str, told)) or None)

    async def _pages(self, file: FileRef) -> AsyncGenerator[tuple[int, list[ParsedOrder], list[RowProblem]]]:
        """Yield the pages of the whole file. An order whose ID came earlier in it is among the problems."""
        seen = SeenOrders()
        position: Position | None = None
        while True:
            page = await self._files.read_page(file, position)
            orders: list[ParsedOrder] = []
            problems = list(page.problems)
            for order in page.orders:
                line = order.first_line
                if file.apart is not None or (before := seen.first_line(order.order_id, line)) == line:
                    orders.append(order)
                else:
                    problems.append(duplicate(order, before))
            yield page.next_offset, orders, problems
            if page.at_end:
                return
            position = page.next

    async def record(self, name: str) -> BatchRecord:
        """Return the record of the newest run. Raises UnknownBatch, and InvalidUsage for a bad name."""
        check_batch_name(name)
        record = await self._book.batch_run(batch_workflow_id(name))
        if record is None:
            raise UnknownBatch(f"the book knows of no batch {name}")
        return record


def _planned(order: ParsedOrder, known: SubmissionRecord | None) -> str:
    """Return the plan's word for an order: `new`, its status if it is known, or `conflict`."""
    if known is None:
        return "new"
    is_other = known.status is SubmissionStatus.OPEN and known.ref.fingerprint != order.fingerprint
    return Fate.CONFLICT if is_other or fate_of(order.fingerprint, known) is Fate.CONFLICT else known.status


def _line_of(
    order: ParsedOrder, known: SubmissionRecord | None, noted: tuple[int, Fate | None] | None
) -> LineOutcome:
    lines = (order.first_line, order.last_line, order.rows)
    ids = (order.order_id, order_workflow_id(order.order_id))
    known_as = known and fate_of(order.fingerprint, known)
    if known_as is Fate.CONFLICT or (noted and noted[1] is Fate.CONFLICT):
        return LineOutcome(
            *lines, *ids, "conflict", reason="the ID is in use for an order with other content"
        )
    if known is None:
        return LineOutcome(*lines, *ids, "not started")
    if known.status is SubmissionStatus.OPEN:
        return LineOutcome(*lines, *ids, known.status, reason="it runs or waits; its status tells for what")
    return LineOutcome(*lines, *ids, known.status, known.failed_step, known.reason, known.closed_at)


def _line_of_problem(problem: RowProblem) -> LineOutcome:
    status = "rejected" if problem.kind is ProblemKind.INVALID else problem.kind.value
    lines = (problem.first_line, problem.last_line, problem.rows)
    return LineOutcome(*lines, problem.order_id, None, status, reason=problem.reason)
