"""Ends of orders that are to be announced: `domain.webhooks.EndsToAnnounce` over SQL."""

from sqlalchemy import Connection, delete, insert, select

from order_system.book import reading
from order_system.book.listing_rows import NAMED, order_summary
from order_system.book.tables import submissions, to_announce
from order_system.domain.book import SubmissionStatus
from order_system.domain.listing import OrderSummary
from order_system.domain.order import SubmissionRef
from order_system.infra.database import OverDatabase, reads, writes

_NOTED = (to_announce.c.order_id == submissions.c.order_id) & (
    to_announce.c.submission == submissions.c.submission
)


class SqlEndsToAnnounce(OverDatabase):
    @writes
    def may_end(self, tx: Connection, ref: SubmissionRef) -> None:
        reading.lock(tx, ref)
        this = {"order_id": ref.order_id, "submission": ref.submission}
        if tx.execute(select(to_announce).filter_by(**this)).first() is None:
            tx.execute(insert(to_announce).values(**this))

    @reads
    def ended(self, tx: Connection, order_id: str | None = None) -> list[OrderSummary]:
        shown = (submissions.c[NAMED.get(name, name)].label(name) for name in OrderSummary.model_fields)
        query = select(*shown).join(to_announce, _NOTED).where(submissions.c.status != SubmissionStatus.OPEN)
        if order_id is not None:
            query = query.where(to_announce.c.order_id == order_id)
        return [order_summary(row) for row in tx.execute(query).mappings()]

    @writes
    def announced(self, tx: Connection, order: OrderSummary) -> None:
        this = {"order_id": order.order_id, "submission": order.submission}
        tx.execute(delete(to_announce).filter_by(**this))
