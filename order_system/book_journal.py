"""The rules of the book, one journal entry at a time, inside the caller's transaction.

The caller has locked the submission's row, so nobody else writes its entries meanwhile.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from order_system.attention import AnswerRecord
from order_system.book_reading import answers_of, journal_of
from order_system.book_tables import answers, effects, submissions
from order_system.errors import Fenced
from order_system.ids import Effect
from order_system.journal import (
    Attempt,
    EffectState,
    JournalEntry,
    Opening,
    SubmissionRecord,
    SubmissionStatus,
)
from order_system.messages import Verdict
from order_system.models import DispatchReceipt, SubmissionRef, Wire


async def claim_entry(
    tx: AsyncConnection,
    ref: SubmissionRef,
    effect: Effect,
    attempt: Attempt,
    submission: SubmissionRecord | None,
) -> JournalEntry:
    """`submission` is None when it has just been opened."""
    entry = (await journal_of(tx, ref)).get(effect)
    if entry is not None and entry.state is EffectState.DONE and entry.fenced_at is None:
        return entry
    if entry is not None and entry.fenced_at is not None:
        raise Fenced(f"{effect} of {ref.order_id} is being undone")
    status = submission.status if submission is not None else SubmissionStatus.OPEN
    if status is not SubmissionStatus.OPEN and effect is not Effect.NOTIFY:
        raise Fenced(f"{effect} of {ref.order_id}: the submission is closed as {status}")
    until = entry.unanswered_until if entry is not None else None
    await write_entry(
        tx,
        ref,
        entry,
        effect,
        state=EffectState.CLAIMED,
        attempts=(entry.attempts if entry else 0) + 1,
        unanswered=(entry.unanswered if entry else 0) + 1,
        unanswered_until=max(attempt.deadline, until) if until else attempt.deadline,
        claimed_at=(entry.claimed_at if entry else None) or attempt.started_at,
    )
    return (await journal_of(tx, ref))[effect]


async def record_entry(
    tx: AsyncConnection, ref: SubmissionRef, effect: Effect, receipt: Wire, at: datetime
) -> bool:
    """Compare and set on `claimed`. True if an undo has fenced the key meanwhile."""
    content = receipt.model_dump(mode="json")
    recorded = await change_entry(
        tx,
        ref,
        effect,
        (effects.c.state == EffectState.CLAIMED) & effects.c.fenced_at.is_(None),
        state=EffectState.DONE,
        receipt=content,
        done_at=at,
    )
    if recorded:
        return False
    entry = (await journal_of(tx, ref))[effect]
    if entry.state is EffectState.DONE and entry.fenced_at is None:
        return False  # another attempt recorded the same answer first
    await change_entry(tx, ref, effect, effects.c.receipt.is_(None), receipt=content)
    return True


async def handle_entry(
    tx: AsyncConnection,
    ref: SubmissionRef,
    entry: JournalEntry,
    answer: AnswerRecord,
    at: datetime,
    *,
    receipt: Wire | None = None,
) -> None:
    """A person settled it by hand. With a receipt, that it has happened; else that nothing is left of it."""
    values: dict[str, Any] = {"state": EffectState.HANDLED, "settled_at": at}
    if receipt is not None:
        values |= {"receipt": receipt.model_dump(mode="json"), "done_at": at}
    await write_entry(tx, ref, entry, entry.effect, **values, handled_by=answer.who, handled_note=answer.note)


async def handle_dispatch(
    tx: AsyncConnection, ref: SubmissionRef, answer: AnswerRecord, parcel: DispatchReceipt, at: datetime
) -> None:
    """The carrier does not bear witness to that parcel: a person does."""
    journal = await journal_of(tx, ref)
    await handle_entry(tx, ref, journal[Effect.DISPATCH], answer, at, receipt=parcel)
    if journal[Effect.LABEL].state is EffectState.IN_DOUBT:
        await handle_entry(tx, ref, journal[Effect.LABEL], answer, at)
    await note_answer(tx, ref, answer)


async def note_answer(tx: AsyncConnection, ref: SubmissionRef, answer: AnswerRecord) -> None:
    """Idempotent by the answer's ID."""
    if answer.answer_id not in {known.answer_id for known in await answers_of(tx, ref)}:
        key = {"order_id": ref.order_id, "submission": ref.submission}
        await tx.execute(insert(answers).values(**key, **answer.model_dump()))


async def fence_entry(
    tx: AsyncConnection, ref: SubmissionRef, effect: Effect, entry: JournalEntry | None, at: datetime
) -> None:
    if entry is not None and entry.fenced_at is not None:
        return
    if entry is None or (entry.state is EffectState.CLAIMED and entry.unanswered == 0):
        state = EffectState.FENCED
    elif entry.state is EffectState.CLAIMED:
        state = EffectState.IN_DOUBT
    else:
        state = entry.state
    await write_entry(tx, ref, entry, effect, state=state, fenced_at=at)


async def insert_submission(
    tx: AsyncConnection,
    ref: SubmissionRef,
    attempt: Attempt,
    status: SubmissionStatus,
    *,
    opening: Opening | None = None,
    verdict: Verdict | None = None,
) -> None:
    await tx.execute(
        insert(submissions).values(
            **ref.model_dump(),
            namespace=attempt.namespace,
            status=status,
            failed_step=verdict.failed_step if verdict else None,
            reason=verdict.reason if verdict else None,
            total=opening.total if opening else None,
            currency=opening.currency if opening else None,
            opened_at=attempt.started_at,
            closed_at=None if status is SubmissionStatus.OPEN else attempt.started_at,
        )
    )


async def close_submission(
    tx: AsyncConnection,
    ref: SubmissionRef,
    status: SubmissionStatus,
    at: datetime,
    verdict: Verdict | None = None,
) -> None:
    await tx.execute(
        update(submissions)
        .where(
            submissions.c.order_id == ref.order_id,
            submissions.c.submission == ref.submission,
            submissions.c.status == SubmissionStatus.OPEN,
        )
        .values(
            status=status,
            failed_step=verdict.failed_step if verdict else None,
            reason=verdict.reason if verdict else None,
            closed_at=at,
        )
    )


async def close_when_nothing_is_held(
    tx: AsyncConnection, ref: SubmissionRef, verdict: Verdict, at: datetime
) -> None:
    journal = await journal_of(tx, ref)
    if not any(entry.held for entry in journal.values() if entry.effect is not Effect.NOTIFY):
        await close_submission(tx, ref, SubmissionStatus(verdict.status), at, verdict)


async def write_entry(
    tx: AsyncConnection, ref: SubmissionRef, entry: JournalEntry | None, effect: Effect, **values: Any
) -> None:
    """Plain insert or update: the submission's row is locked, so nobody else writes this entry."""
    if entry is None:
        key = {"order_id": ref.order_id, "submission": ref.submission, "effect": effect}
        await tx.execute(insert(effects).values(**key, **values))
    else:
        await change_entry(tx, ref, effect, True, **values)


async def change_entry(
    tx: AsyncConnection, ref: SubmissionRef, effect: Effect, condition: Any, **values: Any
) -> bool:
    result = await tx.execute(
        update(effects)
        .where(
            effects.c.order_id == ref.order_id,
            effects.c.submission == ref.submission,
            effects.c.effect == effect,
            condition,
        )
        .values(**values)
    )
    return result.rowcount > 0
