"""The OpenAPI document: FastAPI's, with what it does not know of: the order as the strict door takes it,
since we read that body ourselves, and problems, which are of another media type than other answers."""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from order_system.intake.form import OrderForm
from order_system.web.problems import Problem

_REFERENCE = "#/components/schemas/{model}"


def complete_document(app: FastAPI) -> None:
    made = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            _, ours = models_json_schema(
                [(OrderForm, "validation"), (Problem, "serialization")], ref_template=_REFERENCE
            )
            made()["components"]["schemas"].update(ours["$defs"])
        return made()

    app.openapi = document
