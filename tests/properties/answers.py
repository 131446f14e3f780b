"""What an activity may answer, given what the model knows."""

from typing import Any

from temporalio.exceptions import ApplicationError

from order_system.domain.errors import (
    AnswerLost,
    BookTooLate,
    Fenced,
    NoticeRefused,
    NotReached,
    NotYetVoided,
    OrderConflict,
    OutOfStock,
    PaymentDeclined,
    PaymentNotConfirmed,
    RefundByHand,
    ShippingRefused,
    StillInDoubt,
)
from order_system.domain.ids import idempotency_key
from order_system.domain.messages import (
    Charged,
    GivesWay,
    OlderSubmissionOpen,
    UndoAnswer,
    UndoResult,
)
from order_system.domain.payment_methods import Elsewhere, made_elsewhere, reference_of
from order_system.domain.steps import Effect
from tests.properties.attempts import Attempt
from tests.properties.bench import Bench
from tests.properties.model import Model

MAY_RAISE: dict[str, tuple[type[Exception], ...]] = {
    "charge": (Fenced, PaymentDeclined, PaymentNotConfirmed, OrderConflict),
    "reserve": (Fenced, OutOfStock, OrderConflict),
    "buy_label": (Fenced, ShippingRefused),
    "capture": (Fenced, PaymentDeclined),
    "dispatch": (Fenced, ShippingRefused),
    "notify": (Fenced, NoticeRefused),
    "void_shipment": (),
    "release": (NotYetVoided,),
    "refund": (NotYetVoided, RefundByHand),
    "ask_again": (),
}
TROUBLE = (NotReached, AnswerLost, BookTooLate, TimeoutError)
"""Which anything may meet."""


def check_answer(attempt: Attempt, bench: Bench) -> None:
    """Of an attempt that has ended by itself. What its workflow hears of it is remembered."""
    kind, submission, outcome = attempt.kind, attempt.submission, attempt.outcome()
    if isinstance(outcome, BaseException):
        allowed = isinstance(outcome, (*MAY_RAISE[kind], *TROUBLE)) or _asks_to_wait(kind, outcome)
        if not allowed:
            raise AssertionError(f"{kind} {submission}: {outcome!r}") from outcome
        return
    if kind == "ask_again":
        return
    _CHECKS[kind](submission, outcome, bench.model)
    if isinstance(outcome, UndoAnswer):
        before = submission.answers.get(kind, outcome.result)
        found_late = (before, outcome.result) == (UndoResult.NOTHING_TO_UNDO, UndoResult.UNDONE)
        assert before == outcome.result or found_late, f"{kind} {submission}: {before}, now {outcome.result}"
        submission.answers[kind] = outcome.result
    elif attempt.heard_of and not isinstance(outcome, GivesWay):
        submission.answered.add(kind)


def _asks_to_wait(kind: str, outcome: BaseException) -> bool:
    """Nothing was found, but an attempt may still land. (Raised as a StillInDoubt itself, it would say that
    a receipt is not true.)"""
    return (
        kind in ("release", "refund")
        and isinstance(outcome, ApplicationError)
        and outcome.type == StillInDoubt.__name__
        and outcome.next_retry_delay is not None
    )


def _charge(submission: Any, answer: Any, model: Model) -> None:
    if isinstance(answer, Charged):
        paid = made_elsewhere(submission.order.payment_method) is Elsewhere.PAID
        assert paid == (answer.receipt.captured_elsewhere is not None), "charged, although paid already"
    if isinstance(answer, Charged) and answer.receipt.captured_elsewhere:
        assert answer.receipt.charge_id not in model.given_back or not submission.alive
        assert submission.ref.key(Effect.CHARGE) not in model.captured
    elif isinstance(answer, Charged):
        assert answer.receipt.held == submission.order.captured_on_dispatch
        taken = model.authorised if answer.receipt.held else model.captured
        assert answer.receipt.amount == taken[submission.ref.key(Effect.CHARGE)]
    else:
        _gives_way(submission, answer, model)


def _gives_way(submission: Any, answer: GivesWay, model: Model) -> None:
    if isinstance(answer, OlderSubmissionOpen):
        assert answer.older != submission.ref
        return
    outcome = answer.outcome
    assert outcome.fingerprint == submission.ref.fingerprint
    label = idempotency_key(outcome.order_id, outcome.submission, Effect.LABEL)
    assert model.labels[label] == "dispatched"


def _reserve(submission: Any, answer: Any, model: Model) -> None:
    if isinstance(answer, GivesWay):
        assert submission.opens("reserve")
        _gives_way(submission, answer, model)
    else:
        assert submission.ref.key(Effect.RESERVE) in model.reservations


def _buy_label(submission: Any, _answer: Any, model: Model) -> None:
    assert submission.ref.key(Effect.LABEL) in model.labels


def _capture(submission: Any, answer: Any, model: Model) -> None:
    assert not answer.held
    assert answer.amount == model.captured[submission.ref.key(Effect.CHARGE)]


def _dispatch(submission: Any, _answer: Any, model: Model) -> None:
    assert model.labels[submission.ref.key(Effect.LABEL)] == "dispatched"
    assert model.reservations[submission.ref.key(Effect.RESERVE)] == "committed"


def _notify(submission: Any, _answer: Any, model: Model) -> None:
    assert submission.ref.key(Effect.NOTIFY) in model.notices


def _void(submission: Any, answer: Any, model: Model) -> None:
    label = model.labels.get(submission.ref.key(Effect.LABEL))
    assert (answer.result is UndoResult.ALREADY_DISPATCHED) == (label == "dispatched")
    if answer.result is UndoResult.ALREADY_DISPATCHED:
        assert answer.parcel is not None
        assert answer.payment is not None
        if answer.payment.captured_elsewhere:
            assert answer.payment.charge_id not in model.given_back
        else:
            assert model.kept(submission.ref.key(Effect.CHARGE)) == answer.payment.amount


def _release(submission: Any, answer: Any, model: Model) -> None:
    state = model.reservations.get(submission.ref.key(Effect.RESERVE))
    assert (answer.result, state) in ((UndoResult.UNDONE, "released"), (UndoResult.NOTHING_TO_UNDO, None))


def _refund(submission: Any, answer: Any, model: Model) -> None:
    key = submission.ref.key(Effect.CHARGE)
    assert model.kept(key) == model.holds(key) == 0
    if submission.order.captured_on_dispatch:
        assert (answer.result is UndoResult.UNDONE) == (key in model.authorised)
        return
    reference = reference_of(submission.order.payment_method)
    if reference is None:
        assert (answer.result is UndoResult.UNDONE) == (key in model.captured)
    elif answer.result is UndoResult.UNDONE:
        assert reference in model.given_back


_CHECKS = {
    "charge": _charge,
    "reserve": _reserve,
    "buy_label": _buy_label,
    "capture": _capture,
    "dispatch": _dispatch,
    "notify": _notify,
    "void_shipment": _void,
    "release": _release,
    "refund": _refund,
}
