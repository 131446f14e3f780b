"""Orders, their attempts, undos and deaths in any order, against the model. Hypothesis decides what happens.

What may happen is what Temporal and a network may do: attempts are repeated, held, killed and time out;
requests land late; a workflow is terminated and its order submitted again, with other content; anybody
settles any submission by its keys, twice and at the same time. What may not happen is what no workflow
does: a step begins only after the one before it has answered, unless the two run side by side.
"""

import sys
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from order_system.domain import policy
from order_system.domain.book import SubmissionStatus
from order_system.domain.messages import (
    OlderSubmissionOpen,
    OrderStatus,
    UndoCause,
)
from order_system.domain.order import Capture, FirstAttempts, Flow, Handling, OrderLine, SubmissionRef
from order_system.domain.reconciliation import KeyPageRequest
from tests.fixtures.shops.shop import an_order
from tests.properties.answers import check_answer
from tests.properties.attempts import Attempt, Fate, Trouble
from tests.properties.bench import Bench
from tests.properties.submission import Submission
from tests.properties.what_must_hold import WhatHasBeenSeen, check_everything

UNDOS = ("void_shipment", "release", "refund")
MOMENT = timedelta(milliseconds=1)

Content = tuple[tuple[str, int], ...]

RUN = Fate()
HELD = [Fate(calls=calls) for calls in range(4)]
KILLED = [Fate(calls=calls, killed=True) for calls in range(1, 5)] + [Fate(answer_lost=True)]
TROUBLED = [Fate(trouble=trouble) for trouble in (*Trouble, Trouble.NO_ANSWER, Trouble.NO_ANSWER)]
TROUBLED += [Fate(trouble=Trouble.NO_ANSWER, spared=1)]
OVERTAKEN = [Fate(calls=1), Fate(calls=1, killed=True), Fate(calls=2), Fate(calls=3)]
OVERTAKEN += [Fate(trouble=trouble) for trouble in (Trouble.UNDER_WAY, Trouble.NO_ANSWER)]
FATES = st.sampled_from([RUN, RUN, *HELD, *KILLED, *TROUBLED])

SETTLED = UndoCause(status=OrderStatus.TERMINATED, reason="its workflow ended without closing it")
CAUSES = st.sampled_from([OrderStatus.FAILED, OrderStatus.CANCELLED, OrderStatus.TERMINATED]).map(
    lambda status: UndoCause(status=status, reason="for the test")
)
CONTENTS = st.sampled_from(
    [
        (("LAPTOP", 1),),
        (("LAPTOP", 1),),
        (("MOUSE", 2),),
        (("LAPTOP", 1), ("MOUSE", 1)),
        (("MOUSE", 1), ("LAPTOP", 2)),
    ]
)
PAID = st.sampled_from(
    [
        *("pm_card_ok", "pm_card_ok", "paid:ch_{}", "paid:ch_{}.2", "paid:cash-{}"),
        *("authorised:pi_{}", "authorised:pi_{}.2"),
    ]
)
"""A payment belongs to one order."""
HANDLINGS = st.builds(Handling, flow=st.sampled_from(Flow), capture=st.sampled_from(Capture))


class OrderMachine(RuleBasedStateMachine):
    bench: ClassVar[Bench]
    """Set by whoever runs the machine: a database is too dear to be made for each example."""

    submissions = Bundle("submissions")
    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.known: list[Submission] = []
        self.resting: list[Attempt] = []
        self.to_be_settled: dict[Submission, SubmissionRef] = {}
        """By the workflow of the first, before it can charge: the second, an older one."""
        self.seen = WhatHasBeenSeen()

    # --- what happens ----------------------------------------------------------------------------

    @initialize(
        target=submissions,
        laptops=st.integers(1, 3),
        mice=st.integers(1, 4),
        content=CONTENTS,
        paid=PAID,
        handling=HANDLINGS,
    )
    def open_the_shop(
        self, laptops: int, mice: int, content: Content, paid: str, handling: Handling
    ) -> Submission:
        self.bench.clear({"LAPTOP": laptops, "MOUSE": mice})
        return self._submit("A", content, paid, handling)

    @precondition(lambda self: len(self.known) < 6)
    @rule(
        target=submissions,
        order_id=st.sampled_from(["A", "A", "B"]),
        content=CONTENTS,
        paid=PAID,
        handling=HANDLINGS,
        calls=st.sampled_from([None, 0, 0, 1, 2]),
    )
    def submit(
        self, order_id: str, content: Content, paid: str, handling: Handling, calls: int | None
    ) -> Submission:
        """If an earlier workflow of this order still runs, it is terminated, maybe in the midst of an
        attempt: that one is held after so many calls, and may go on when all is over."""
        for earlier in self.known:
            if earlier.alive and earlier.ref.order_id == order_id and calls is not None:
                self._begin(earlier.next_steps()[-1], earlier, Fate(calls=calls))
        return self._submit(order_id, content, paid, handling)

    @rule(target=held, submission=submissions, again=st.integers(0, 3), fate=FATES, retried=st.booleans())
    def attempt_a_step(self, submission: Submission, again: int, fate: Fate, retried: bool) -> Any:
        """The next one, or one that has been attempted before. A terminated workflow opens no submission."""
        steps = submission.next_steps()
        kind = steps[-1] if again < 2 else steps[-min(again, len(steps))]
        if submission.opens(kind) and not submission.alive:
            return multiple()
        attempt = self._begin(kind, submission, fate)
        if retried:
            self._begin(kind, submission, RUN)
        return attempt

    @rule(target=held, submission=submissions, kind=st.sampled_from(UNDOS), cause=CAUSES, fate=FATES)
    def attempt_an_undo(self, submission: Submission, kind: str, cause: UndoCause, fate: Fate) -> Any:
        return self._begin(kind, submission, fate, cause)

    @rule(target=held, submission=submissions, fate=FATES)
    def dispatch_without_a_capture(self, submission: Submission, fate: Fate) -> Any:
        """No workflow of ours does. The book refuses it, unless the capture is done and nobody has heard."""
        if not submission.order.captured_on_dispatch or "buy_label" in submission.answered:
            return multiple()
        self.go_on_without_trouble(submission, 3)
        if submission.next_steps()[-1] != "capture":
            return multiple()
        return self._begin("dispatch", submission, fate)

    @rule(submission=submissions, steps=st.integers(2, 6))
    def go_on_without_trouble(self, submission: Submission, steps: int) -> None:
        while submission.alive and steps and len(submission.answered) < len(submission.steps):
            before = len(submission.answered)
            self._begin(submission.next_steps()[-1], submission, RUN)
            older = self.to_be_settled.pop(submission, None)
            if older is not None:
                self._undo_all(next(each for each in self.known if each.ref == older), SETTLED)
            steps = steps - 1 if older or len(submission.answered) > before else 0

    @rule(submission=submissions, cause=CAUSES)
    def undo_all(self, submission: Submission, cause: UndoCause) -> None:
        if len(submission.answers) < len(UNDOS):  # all of them have answered: see `attempt_an_undo`
            self._undo_all(submission, cause)

    @rule(
        target=held,
        submission=submissions,
        ahead=st.sampled_from([0, 0, 3]),
        cause=CAUSES,
        fate=st.sampled_from(OVERTAKEN),
    )
    def undo_past_an_attempt(self, submission: Submission, ahead: int, cause: UndoCause, fate: Fate) -> Any:
        """The attempt has claimed its key, and what it has sent has landed, or may land after the undos."""
        if not submission.alive:
            return multiple()
        self.go_on_without_trouble(submission, ahead)
        attempt = self._begin(submission.next_steps()[-1], submission, fate)
        self._undo_all(submission, cause)
        return attempt

    @rule(target=held, attempt=consumes(held), fate=FATES)
    def resume(self, attempt: Attempt, fate: Fate) -> Any:
        if attempt.done:
            return multiple()
        self.bench.run(attempt.resume(fate))
        return self._see_how_it_ended(attempt)

    @rule(attempt=consumes(held))
    def kill(self, attempt: Attempt) -> None:
        if not attempt.done:
            self.bench.run(attempt.kill())

    @precondition(lambda self: self.bench.in_flight)
    @rule(which=st.integers(0, 3))
    def a_request_arrives(self, which: int) -> None:
        request = self.bench.in_flight.pop(which % len(self.bench.in_flight))
        note(f"on its way: {request}")
        self.bench.run(request.arrive(self.bench.clock.now))

    @precondition(lambda self: self.bench.in_flight)
    @rule(which=st.integers(0, 3))
    def a_request_arrives_after_all(self, which: int) -> None:
        """Its undo may have given it up, as it may after the deadline. Then the reconciler finds it."""
        request = self.bench.in_flight.pop(which % len(self.bench.in_flight))
        note(f"on its way for long: {request}")
        self.bench.run(request.arrive_at_last())
        self.bench.begin("ask_again", None, KeyPageRequest(after_key=None), RUN)

    @rule(seconds=st.sampled_from([1, 5, 9, 11]))
    def wait(self, seconds: int) -> None:
        waiting, self.resting = [attempt for attempt in self.resting if not attempt.done], []
        self.bench.wait(timedelta(seconds=seconds))
        for attempt in waiting:
            self._see_how_it_ended(attempt)

    # --- how it is carried out -------------------------------------------------------------------

    def _submit(self, order_id: str, content: Content, paid: str, handling: Handling) -> Submission:
        lines = tuple(OrderLine(sku=sku, quantity=quantity, unit_price=100) for sku, quantity in content)
        turn = list(FirstAttempts)[len(self.known) % len(FirstAttempts)]
        how = handling.model_dump() | {"first_attempts": turn}
        order = an_order(order_id, lines=lines, payment_method=paid.format(order_id), **how)
        for earlier in self.known:
            if earlier.ref.order_id == order_id:
                earlier.alive = False
        number = f"s{1 + sum(earlier.ref.order_id == order_id for earlier in self.known)}"
        ref = SubmissionRef(order_id=order_id, submission=number, fingerprint=order.fingerprint())
        submission = Submission(order, ref)
        self.known.append(submission)
        return submission

    def _begin(self, kind: str, submission: Submission, fate: Fate, cause: UndoCause | None = None) -> Any:
        self.bench.clock.advance(MOMENT)
        attempt = self.bench.begin(kind, submission, submission.request(kind, cause), fate)
        return self._see_how_it_ended(attempt)

    def _undo_all(self, submission: Submission, cause: UndoCause) -> None:
        for kind in UNDOS:
            self._begin(kind, submission, RUN, cause)

    def _see_how_it_ended(self, attempt: Attempt) -> Any:
        """The attempt if it has not ended, for the bundle of those that rest."""
        if not attempt.done:
            self.resting.append(attempt)
            return attempt
        if not attempt.killed:
            note(f"{attempt.kind} {attempt.submission}: {attempt.outcome()!r}")
            check_answer(attempt, self.bench)
            if isinstance(answer := attempt.outcome(), OlderSubmissionOpen):
                self.to_be_settled[attempt.submission] = answer.older
        return multiple()

    # --- what must hold --------------------------------------------------------------------------

    @invariant()
    def all_is_well(self) -> None:
        if self.known:
            check_everything(self.bench, self.seen)

    def teardown(self) -> None:
        if sys.exc_info()[0] is None:
            self.everything_comes_to_an_end()
        for attempt in self.resting:
            if not attempt.done:
                self.bench.run(attempt.kill())

    def everything_comes_to_an_end(self) -> None:
        """Whoever rests goes on, whatever is on its way arrives or never will; then all that is open is
        settled, as its own workflow, the next submission or the reconciler would do it."""
        for attempt in list(self.resting):
            if not attempt.done:
                self.bench.run(attempt.resume(RUN))
                self._see_how_it_ended(attempt)
        while self.bench.in_flight:
            self.a_request_arrives(0)
        check_everything(self.bench, self.seen)
        self.wait(policy.EFFECT_ATTEMPT.seconds + 1)
        ledger, _ = self.bench.statements()
        still_open = [record.ref for record, _ in ledger.entries if record.status is SubmissionStatus.OPEN]
        for submission in self.known:
            if submission.ref in still_open:
                self._undo_all(submission, SETTLED)
                if submission.order.payment_method.startswith("paid:cash"):
                    self.bench.give_back_by_hand(submission.ref, SETTLED)
        ledger = check_everything(self.bench, self.seen)
        still_open = [record.ref for record, _ in ledger.entries if record.status is SubmissionStatus.OPEN]
        assert not still_open, "settled, and open all the same"
        assert not self.bench.model.counted("reserved")
