"""Converts models and failures for the Temporal server, and has them sealed where ORDER_KEYS is set."""

from dataclasses import replace
from typing import Any, Self

import temporalio.converter as sdk
from pydantic_core import SchemaSerializer
from pydantic_core.core_schema import any_schema
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter, PydanticPayloadConverter
from temporalio.exceptions import FailureError

from order_system.domain.errors import KeyTrouble
from order_system.infra import policy
from order_system.infra.environment import load_own_settings
from order_system.infra.process import load_extra
from order_system.infra.sealing.ring import SEALED, KeySettings, open_ring
from order_system.infra.settings import PREFIX


class _NotOpened(sdk.EncodingPayloadConverter):
    """Raises KeyTrouble for a payload that is still sealed when it is to be read."""

    @property
    def encoding(self) -> str:
        return SEALED

    def to_payload(self, value: Any) -> Payload | None:
        return None

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        key_id = payload.metadata["encryption-key-id"].decode(errors="replace")
        cure = "set it as it is set for the workers (docs/sealed-payloads.md)"
        raise KeyTrouble(f"this is sealed by key {key_id}, and ORDER_KEYS is not set here: {cure}")


class _WithoutDefaults(PydanticJSONPlainPayloadConverter):
    """Leaves out fields that equal their default, a third of all bytes: the reader has the same defaults. So
    no default may ever change, except that of a field that is `always_sent`."""

    _json = SchemaSerializer(any_schema()).to_json

    def to_payload(self, value: Any) -> Payload | None:
        data = self._json(value, exclude_defaults=True)
        return Payload(metadata={"encoding": self.encoding.encode()}, data=data)


_SHARED = {
    each.encoding.encode(): each
    for each in (*PydanticPayloadConverter().converters.values(), _WithoutDefaults(), _NotOpened())
}


class ModelPayloadConverter(sdk.CompositePayloadConverter):
    """Converts models to JSON with pydantic, as the SDK's `pydantic_data_converter` does, but cheaper: the
    SDK makes a new converter for each workflow task, and all of these share their parts."""

    def __init__(self) -> None:
        self.converters = _SHARED


class OutermostFailures(sdk.DefaultFailureConverter):
    """Sends an exception with its innermost calls, but without its causes. What a gateway's client raised
    inside says less to people. With all stacks a failure may exceed what the server keeps, which then drops
    even the message ("Failure exceeds size limit"). The worker's log has the causes."""

    def to_failure(
        self, exception: BaseException, payload_converter: sdk.PayloadConverter, failure: Failure
    ) -> None:
        if isinstance(exception.__cause__, KeyTrouble) and not isinstance(exception, KeyTrouble):
            exception = exception.__cause__  # the outer one says "Failed decoding arguments"
        super().to_failure(exception, payload_converter, failure)
        failure.stack_trace = failure.stack_trace[-policy.FAILURE_STACK :]
        if not isinstance(exception, FailureError):
            failure.ClearField("cause")


class SealedFailures(OutermostFailures):
    """Puts message and stack where the codec seals them."""

    def to_failure(
        self, exception: BaseException, payload_converter: sdk.PayloadConverter, failure: Failure
    ) -> None:
        super().to_failure(exception, payload_converter, failure)
        sealed = {"message": failure.message, "stack_trace": failure.stack_trace}
        [told] = payload_converter.to_payloads([sealed])
        failure.encoded_attributes.CopyFrom(told)
        failure.message, failure.stack_trace = "Encoded failure", ""


class _Converter(sdk.DataConverter):
    """Skips the contexts that the SDK sets for each payload, several times: our converters use none."""

    def with_context(self, context: sdk.SerializationContext) -> Self:
        return self


data_converter = _Converter(
    payload_converter_class=ModelPayloadConverter, failure_converter_class=OutermostFailures
)


def converter() -> sdk.DataConverter:
    """Return the data converter, with the codec if ORDER_KEYS is set. Raises InvalidSettings."""
    ring = open_ring(load_own_settings(KeySettings, PREFIX))
    if ring is None:
        return data_converter
    sealing = load_extra("order_system.infra.sealing.codec", "crypto", "ORDER_KEYS is set")
    codec = sealing.SealingCodec(ring)
    return replace(data_converter, payload_codec=codec, failure_converter_class=SealedFailures)
