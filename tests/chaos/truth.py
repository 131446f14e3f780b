"""What submit, status, API, lists and attention say of each order at its end, held against book and world.

The book and the world are believed: that they agree is judged by `checks.py`. What is said is asked for as
people and programs ask: the command line's last word, the client's document, HTTP without a network.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from httpx import ASGITransport, AsyncClient
from sqlalchemy import select
from sqlalchemy.engine import Connection

from order_system.attention.concerns import Concern, ConcernKind
from order_system.book.tables import submissions
from order_system.domain.book import SubmissionRecord, SubmissionStatus
from order_system.domain.gateways import Statement
from order_system.domain.ids import split_key
from order_system.domain.messages import OrderStatus
from order_system.domain.order import Order
from order_system.domain.steps import Effect
from order_system.intake.form import order_document
from order_system.web.services import Services, services_of
from tests.chaos.cases import attempts_at
from tests.chaos.orders import order_of
from tests.chaos.plan import PlannedOrder
from tests.chaos.run import Run, Said
from tests.fixtures.web.web import app_over

TRUE = "what submit, status, API, lists and attention say is so"
AT_ONCE = 20
ROWS = 100
OWED = "owed"


@dataclass
class Facts:
    """What is so, by the book and the world."""

    records: dict[str, SubmissionRecord]
    """Of each order the one that counts."""
    all_records: dict[str, list[SubmissionRecord]]
    waiting: set[str]
    """Orders that are open and wait for a person."""
    dispatched: set[str]
    refunded: set[tuple[str, str]]
    """Submissions whose customer got money back; or has it at their disposal again."""
    told: set[tuple[str, str]]
    """Submissions whose customer was sent a notice, or cannot be."""
    notices: dict[tuple[str, str], str | None]
    """What the book notes of the notice of each submission."""

    def status(self, order_id: str) -> OrderStatus:
        if order_id in self.abandoned:
            return OrderStatus.TERMINATED
        if order_id in self.waiting:
            return OrderStatus.NEEDS_ATTENTION
        return OrderStatus(self.records[order_id].status.value)

    @property
    def abandoned(self) -> set[str]:
        """Open in the book, and no workflow works on them: judged elsewhere, but they must be shown so."""
        open_ones = {
            order_id for order_id, each in self.records.items() if each.status is SubmissionStatus.OPEN
        }
        return open_ones - self.waiting


async def untrue(run: Run, waiting: set[str]) -> list[str]:
    """Each statement that is not so, in one line."""
    services = services_of(run.arena.system, run.temporal, None)
    facts = await _facts(run, waiting)
    listed = [concern async for concern in services.attention.attention()]
    transport = ASGITransport(app_over(services), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as http:
        return [
            *(line for said in run.said for line in _untrue_submit(said, facts)),
            *await _untrue_about_orders(run, services, http, facts),
            *[line async for line in _untrue_lists(http, facts)],
            *_untrue_attention(run, listed, facts),
        ]


async def _facts(run: Run, waiting: set[str]) -> Facts:
    system = run.arena.system
    statement: Statement = await system.world.statement()
    all_records: defaultdict[str, list[SubmissionRecord]] = defaultdict(list)
    given_back = {payment.reference for payment in statement.payments if payment.refunded}
    refunded = {split_key(charge.key)[:2] for charge in statement.charges or () if charge.refunded}
    refunded |= {split_key(each.key)[:2] for each in statement.authorisations or () if each.state == "voided"}
    for record, journal in (await system.book.ledger()).entries:
        all_records[record.ref.order_id].append(record)
        receipt = journal[Effect.CHARGE].receipt if Effect.CHARGE in journal else None
        if receipt and receipt["charge_id"] in given_back:
            refunded.add((record.ref.order_id, record.ref.submission))
    query = select(submissions.c.order_id, submissions.c.submission, submissions.c.notice)

    def noted(tx: Connection) -> dict[tuple[str, str], str | None]:
        return {(row.order_id, row.submission): row.notice for row in tx.execute(query)}

    return Facts(
        records=await run.records(),
        all_records=dict(all_records),
        waiting=waiting,
        dispatched={
            split_key(each.label_key)[0] for each in statement.shipments if each.state == "dispatched"
        },
        refunded=refunded,
        told={split_key(notice.key)[:2] for notice in statement.notices},
        notices=await system.database.read(noted),
    )


# --- each order ----------------------------------------------------------------------------------


def _untrue_submit(said: Said, facts: Facts) -> Iterator[str]:
    """To whoever waited for the end of this content: it is told of this content, and of no other."""
    order_id, ours = said.order.order_id, said.order.fingerprint()
    records = facts.all_records.get(order_id, [])
    ended = {record.status.value for record in records if record.ref.fingerprint == ours}
    others = [record for record in records if record.ref.fingerprint != ours]
    if said.status == "conflict" and "the order book does not answer" in said.text:
        return  # that is so, while the database is struck
    so = {
        "conflict": bool(others),
        OrderStatus.NEEDS_ATTENTION: True,  # it was, and somebody has answered since
    }
    if OrderStatus.FULFILLED in ended:  # its parcel had gone, so the reconciler has closed it so since
        so[OrderStatus.TERMINATED] = True
    if not so.get(said.status, said.status in ended):
        yield f"submit of {order_id} said {said.status}, and the book has that content {ended or 'nowhere'}"
    if said.status == "conflict" and order_id not in said.text:
        yield f"submit of {order_id} said, without the order's ID: {said.text}"


async def _untrue_about_orders(run: Run, services: Services, http: AsyncClient, facts: Facts) -> list[str]:
    places = asyncio.Semaphore(AT_ONCE)

    async def one(planned: PlannedOrder) -> list[str]:
        async with places:
            if planned.order_id not in facts.records:
                return []  # that it is lost is judged elsewhere
            return [line async for line in _untrue_about(planned, services, http, facts)]

    found = await asyncio.gather(*map(one, run.plan.orders))
    return [line for lines in found for line in lines]


async def _untrue_about(
    planned: PlannedOrder, services: Services, http: AsyncClient, facts: Facts
) -> AsyncIterator[str]:
    order_id = planned.order_id
    right = facts.status(order_id)
    told = await services.orders.status(order_id)
    if told.status is not right:
        yield f"status says that {order_id} is {told.status}, and it is {right}"
    if told.closed and (told.status is OrderStatus.FULFILLED) != (order_id in facts.dispatched):
        gone = "gone" if order_id in facts.dispatched else "not gone"
        yield f"status says that {order_id} is {told.status}, and its parcel is {gone}"
    answer = await http.get(f"/api/orders/{order_id}")
    if answer.status_code != 200:
        yield f"the API answers {answer.status_code} about {order_id}, which is {right}"
    elif answer.json()["status"] != right:
        yield f"the API says that {order_id} is {answer.json()['status']}, and it is {right}"
    if right is OrderStatus.FULFILLED:  # then neither starts anything
        fulfilled = facts.records[order_id].ref.fingerprint
        for order in (order_of(planned), order_of(planned, other_content=True)):
            expected = 200 if order.fingerprint() == fulfilled else 409
            code = await _posted(http, order)
            if code != expected:
                yield f"a post of {order_id}, fulfilled, was answered {code} instead of {expected}"


async def _posted(http: AsyncClient, order: Order) -> int:
    return (await http.post("/api/orders", json=order_document(order))).status_code


# --- lists and attention -------------------------------------------------------------------------


async def _untrue_lists(http: AsyncClient, facts: Facts) -> AsyncIterator[str]:
    """Each order stands in one list, which is that of its status; and in the list of all."""
    lists = {status: await _listed(http, status=status.value) for status in OrderStatus}
    everything = await _listed(http)
    for order_id in facts.records:
        right = facts.status(order_id)
        stands = [status.value for status, listed in lists.items() if order_id in listed]
        if stands != [right]:
            yield f"{order_id} is {right}, and stands in the lists {stands}"
        if everything.get(order_id) != right:
            yield f"{order_id} is {right}, and the list of all orders says {everything.get(order_id)}"


async def _listed(http: AsyncClient, **wanted: str) -> dict[str, str]:
    """Order ID -> the status that its row tells."""
    rows: dict[str, str] = {}
    query: Mapping[str, Any] = {**wanted, "limit": ROWS}
    while True:
        answer = await http.get("/api/orders", params=query)
        answer.raise_for_status()
        page = answer.json()
        rows.update({row["order_id"]: row["status"] for row in page["rows"]})
        if not page["next"]:
            return rows
        query = {**query, "cursor": page["next"]}


def _untrue_attention(run: Run, concerns: list[Concern], facts: Facts) -> Iterator[str]:
    """Who waits for a person is listed, and nobody else; and no customer is left untold in silence."""
    listed = {concern.order_id for concern in concerns if concern.order_id}
    untold = {planned.order_id for planned in run.plan.orders if _is_untold(planned, facts)}
    needy = facts.waiting | facts.abandoned
    for order_id in sorted(needy - listed):
        yield f"{order_id} waits for a person, and attention does not list it"
    for order_id in sorted(untold - listed):
        yield f"the customer of {order_id} was never told how it ended, and attention does not list it"
    for concern in concerns:
        if concern.order_id and concern.order_id not in needy | untold:
            yield f"attention lists {concern.order_id} as {concern.kind}, and it waits for nobody"
        if concern.kind is ConcernKind.NO_WORKER:
            yield f"attention says {concern.reason}, and workers run"


def _is_untold(planned: PlannedOrder, facts: Facts) -> bool:
    """Who got a parcel, or money back, is told so: unless the notice was refused, or its attempts used up."""
    record = facts.records.get(planned.order_id)
    if record is None or record.status is SubmissionStatus.OPEN:
        return False
    submission = (record.ref.order_id, record.ref.submission)
    if record.status is not SubmissionStatus.FULFILLED and submission not in facts.refunded:
        return False
    given_up = "email" in planned.tokens or any(
        fault.point.endswith("notify") and len(fault.blows) >= attempts_at("notify")
        for fault in planned.faults
    )
    noted = facts.notices.get(submission)
    return submission not in facts.told and not given_up and noted in (None, OWED)
