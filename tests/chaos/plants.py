"""Bugs, planted into a copy of the product's source: the judgement must turn red, or it would miss real ones.

Each comes with the orders that it hurts. The same orders on the sound product must be judged green.
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from order_system.domain.order import Capture, FirstAttempts, Flow
from tests.chaos.arena import ROOT
from tests.chaos.cases import Blow, Fault, attempts_at
from tests.chaos.plan import REFUSED_AT_DISPATCH, PlannedOrder

SOURCES = ("order_system", "workflows", "activities", "tests/chaos", "tests/__init__.py", "worker.py")


@dataclass(frozen=True)
class Change:
    file: str
    right: str
    wrong: str


@dataclass(frozen=True)
class Plant:
    name: str
    changes: tuple[Change, ...]
    faults: tuple[Fault, ...]
    """One order for each."""
    pace: float = 0.3
    """Of the product's waits: those stories are slow in which all attempts are used up."""
    tokens: dict[str, str] | None = None
    flow: Flow = Flow.SEQUENTIAL
    capture: Capture = Capture.AT_ONCE
    first_attempts: FirstAttempts = FirstAttempts.REGULAR
    cancelled_at_once: int = 0
    """Orders besides, which are cancelled before any worker has seen them."""
    statements: tuple[str, ...] = ()
    """SQL that takes away what the database guards."""

    @property
    def slug(self) -> str:
        return re.sub("[^a-z]+", "-", self.name)

    def orders(self) -> Sequence[PlannedOrder]:
        struck = [
            PlannedOrder(
                f"{self.slug}-{number}",
                self.tokens or {},
                (fault,),
                resubmit=True,
                flow=self.flow,
                capture=self.capture,
                first_attempts=self.first_attempts,
            )
            for number, fault in enumerate(self.faults)
        ]
        cancelled = (
            PlannedOrder(f"{self.slug}-c{n}", cancelled_at_once=True) for n in range(self.cancelled_at_once)
        )
        return [*struck, *cancelled]


def grown(folder: Path, *plants: Plant) -> Path:
    """A copy of the source with their bugs in it. Raises ValueError if the source has moved on."""
    for source in SOURCES:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, folder / source)
        else:
            (folder / source).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / source, folder / source)
    for change in (change for plant in plants for change in plant.changes):
        file = folder / change.file
        text = file.read_text()
        if text.count(change.right) != 1:
            raise ValueError(f"{change.file} no longer has once:\n{change.right}")
        file.write_text(text.replace(change.right, change.wrong))
    return folder


NO_FENCE = Plant(
    "no fence",
    (
        Change(
            "order_system/book/entries.py",
            "        if entry is not None and entry.fenced_at is not None:\n            raise Fenced(",
            "        if False:\n            raise Fenced(",
        ),
        Change(
            "order_system/book/entries.py",
            "    if submission.status is not SubmissionStatus.OPEN and effect is not Effect.NOTIFY:",
            "    if False:",
        ),
    ),
    (Fault("before claim reserve", (Blow.TERMINATE,)),),
    pace=3.0,  # the call that is held must outlast the settling of its order on a busy machine, too
)

NO_UNIQUE_KEY = Plant(
    "no unique key",
    (
        Change(
            "order_system/gateways/simulated/payment.py",
            "        stored = _find_charge(call, key)\n",
            "        stored = None\n",
        ),
    ),
    (Fault("after charge", (Blow.ERROR,)),),
    statements=(
        "CREATE TABLE without_key AS SELECT * FROM world_charges",
        "DROP TABLE world_charges",
        "ALTER TABLE without_key RENAME TO world_charges",
    ),
)

ONLY_COMPLETED_STEPS_UNDONE = Plant(
    "only completed steps undone",
    (
        Change(
            "workflows/saga.py",
            "asyncio.gather(*(self._undo(step, request)",
            "asyncio.gather(*(self._undo_completed(step, request)",
        ),
        Change(
            "workflows/saga.py",
            "    async def _undo(self, step",
            "    async def _undo_completed(self, step, request) -> UndoAnswer:\n"
            "        if self._board._steps[step].status == 'completed':\n"
            "            return await self._undo(step, request)\n"
            "        return UndoAnswer(result=UndoResult.NOTHING_TO_UNDO, detail='it never completed')\n\n"
            "    async def _undo(self, step",
        ),
    ),
    (
        Fault("after charge", (Blow.ERROR,) * attempts_at("charge")),
        Fault("after reserve", (Blow.ERROR,) * attempts_at("reserve")),
    ),
    first_attempts=FirstAttempts.LOCAL,
)

CANCEL_NOT_CAUGHT = Plant(
    "cancel not caught",
    (
        Change(
            "workflows/order.py",
            "        except (FailureError, asyncio.CancelledError) as failure:\n            if is_eviction",
            "        except Exception as failure:\n            if is_eviction",
        ),
    ),
    (Fault("after record charge", (Blow.CANCEL,)), Fault("after record reserve", (Blow.CANCEL,))),
    first_attempts=FirstAttempts.LOCAL,
    cancelled_at_once=1,
)

STOPS_AT_A_FAILED_UNDO = Plant(
    "stops at the first failed undo",
    (
        Change(
            "workflows/undo.py",
            "            retry_policy=policy.UNDO_RETRY,\n            cancellation_type",
            "            retry_policy=RetryPolicy(maximum_attempts=1),\n            cancellation_type",
        ),
        Change(
            "workflows/undo.py",
            "from temporalio.exceptions import ActivityError, ApplicationError\n",
            "from temporalio.common import RetryPolicy\n"
            "from temporalio.exceptions import ActivityError, ApplicationError\n",
        ),
        Change(
            "workflows/undo.py",
            "                await self._pause()\n",
            "                raise\n",
        ),
    ),
    (Fault("before void", (Blow.ERROR,)), Fault("before release", (Blow.ERROR,))),
    tokens=REFUSED_AT_DISPATCH,
)

REFUND_BEFORE_SHIPPING = Plant(
    "refund before shipping's answer",
    (
        Change(
            "workflows/saga.py",
            "        pivot = await self._undo(PIVOT, request)\n",
            "        pivot, _ = await asyncio.gather(\n"
            "            self._undo(PIVOT, request), self._undo(Step('payment'), request)\n"
            "        )\n",
        ),
        Change(
            "order_system/book/order_book.py",
            "        if step in GIVEN_BACK and not shipment_is_voided(journal):\n",
            "        if False:\n",
        ),
    ),
    (Fault("after dispatch", (Blow.ERROR,) * attempts_at("dispatch")),),
    first_attempts=FirstAttempts.LOCAL,
)

DISPATCH_BEFORE_CAPTURE = Plant(
    "dispatch before capture",
    (
        Change(
            "order_system/book/entries.py",
            "        if effect is Effect.DISPATCH and waits_for_capture(journal):\n",
            "        if False:\n",
        ),
        Change(
            "workflows/shipping.py",
            "            payment = await self._capture(request) if request.captures else None\n",
            "",
        ),
        Change(
            "workflows/shipping.py",
            "            self._received(parcel)\n",
            "            self._received(parcel)\n"
            "            payment = await self._capture(request) if request.captures else None\n",
        ),
    ),
    (Fault("before dispatch", (Blow.ERROR,)),),
    capture=Capture.ON_DISPATCH,
)

VOID_OVERTAKES_A_CAPTURE = Plant(
    "void that overtakes a capture",
    (
        Change(
            "activities/payment.py",
            "            return await self.gateway.refund(charge_key, receipt=answer)\n",
            "            return NotCaptured(authorised=True)\n",
        ),
    ),
    (
        Fault("after capture", (Blow.ERROR,) * attempts_at("capture")),
        Fault("before record capture", (Blow.TERMINATE,)),
    ),
    capture=Capture.ON_DISPATCH,
)

SIBLING_NOT_AWAITED = Plant(
    "sibling not awaited",
    (
        Change(
            "workflows/child.py",
            "    while not all(task.done() for task in both):\n",
            "    while not failures and not all(task.done() for task in both):\n",
        ),
        Change(
            "workflows/child.py",
            "workflow.wait(both)",
            "workflow.wait(both, return_when=asyncio.FIRST_EXCEPTION)",
        ),
        Change(
            "workflows/child.py", "    await asyncio.gather(first, second, return_exceptions=True)", "   "
        ),
    ),
    # The charge waits for the blow: else its decline may end the order before the other step has begun.
    (Fault("before reserve", (Blow.STALL,), beside="before charge"),),
    tokens={"payment_method": "pm_card_declined"},
    flow=Flow.PARALLEL,
)

SUBMISSION_OPENED_TWICE = Plant(
    "submission opened twice",
    (
        Change(
            "order_system/book/order_book.py",
            "            if other.status in (SubmissionStatus.OPEN, SubmissionStatus.FULFILLED):\n",
            "            if False:\n",
        ),
    ),
    (Fault("after dispatch", (Blow.TERMINATE,)),),
    flow=Flow.PARALLEL,
    statements=("DROP INDEX book_one_live",),
)

BEDS = (
    (NO_FENCE,),
    (NO_UNIQUE_KEY, DISPATCH_BEFORE_CAPTURE, SUBMISSION_OPENED_TWICE),
    (ONLY_COMPLETED_STEPS_UNDONE,),
    (CANCEL_NOT_CAUGHT, STOPS_AT_A_FAILED_UNDO),
    (REFUND_BEFORE_SHIPPING,),
    (VOID_OVERTAKES_A_CAPTURE, SIBLING_NOT_AWAITED),
)
"""Those of one bed share a worker: none of them does anything to the orders of another."""
PLANTS = tuple(plant for bed in BEDS for plant in bed)
