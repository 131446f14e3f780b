"""How models travel to the Temporal server and back."""

from typing import Any

import pytest
from temporalio.api.common.v1 import Payload

from order_system.domain.messages import (
    AlreadyFulfilled,
    Charged,
    OlderSubmissionOpen,
    OrderOutcome,
    PaymentAnswer,
    PaymentRequest,
)
from order_system.domain.order import DispatchReceipt, PaymentReceipt, SubmissionRef
from order_system.domain.progress import StepState, StepStatus
from order_system.domain.reconciliation import SubmissionPageRequest
from order_system.domain.steps import Step
from order_system.infra.temporal.conversion import data_converter

REF = SubmissionRef(order_id="ORDER-001", submission="first", fingerprint="f")
RECEIPT = PaymentReceipt(charge_id="ch_1", amount=100, currency="USD")
OUTCOME = OrderOutcome.of(REF, RECEIPT, DispatchReceipt(carrier="c", tracking_number="t"))


def written(value: object) -> Payload:
    [payload] = data_converter.payload_converter.to_payloads([value])
    return payload


def read(payload: Payload, kind: Any) -> Any:
    [value] = data_converter.payload_converter.from_payloads([payload], [kind])
    return value


def test_what_equals_its_default_does_not_travel_and_is_there_again() -> None:
    request = PaymentRequest(submission=REF, amount=100, currency="USD", payment_method="pm_card_ok")

    payload = written(request)

    assert payload.data == (
        b'{"submission":{"order_id":"ORDER-001","submission":"first","fingerprint":"f"},'
        b'"amount":100,"currency":"USD","payment_method":"pm_card_ok"}'
    )
    assert read(payload, PaymentRequest) == request


def test_what_an_older_worker_has_sent_with_all_its_defaults_is_read_as_well() -> None:
    request = PaymentRequest(submission=REF, amount=100, currency="USD", payment_method="pm_card_ok")
    as_before = Payload(metadata={"encoding": b"json/plain"}, data=request.model_dump_json().encode())

    assert b'"first_attempts":null' in as_before.data
    assert read(as_before, PaymentRequest) == request


@pytest.mark.parametrize(
    "answer", [Charged(receipt=RECEIPT), OlderSubmissionOpen(older=REF), AlreadyFulfilled(outcome=OUTCOME)]
)
def test_answers_always_say_of_which_kind_they_are(answer: Any) -> None:
    payload = written(answer)

    assert f'"kind":"{answer.kind}"'.encode() in payload.data
    assert read(payload, PaymentAnswer) == answer


def test_what_has_no_default_travels_though_it_is_none() -> None:
    assert (
        b'"after_order":null'
        in written(SubmissionPageRequest(book="b", min_age_seconds=1, after_order=None)).data
    )


def test_what_people_are_shown_of_a_receipt_has_all_its_fields() -> None:
    status = StepStatus(step=Step.PAYMENT, state=StepState.COMPLETED, receipt=RECEIPT.model_dump(mode="json"))

    assert read(written(status), StepStatus) == status
