"""The OpenAPI document: FastAPI's, with the order as the strict door takes it. Bodies that we read ourselves
are unknown to FastAPI."""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from order_system.order_form import OrderForm

_REFERENCE = "#/components/schemas/{model}"


def document_with_orders(app: FastAPI) -> None:
    made = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            schemas = made()["components"]["schemas"]
            _, order = models_json_schema([(OrderForm, "validation")], ref_template=_REFERENCE)
            schemas.update(order["$defs"])
        return made()

    app.openapi = document
