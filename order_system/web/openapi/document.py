"""The OpenAPI document: FastAPI's, with what it does not know of. That is the order as the strict reader
takes it, since we read that body ourselves, and problems, whose media type is not that of other answers."""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from order_system.intake.form import OrderForm
from order_system.web.problems import Problem


def complete_document(app: FastAPI) -> None:
    made = app.openapi
    _, ours = models_json_schema(
        [(OrderForm, "validation"), (Problem, "serialization")], ref_template="#/components/schemas/{model}"
    )

    def document() -> dict[str, Any]:
        described = made()  # anew, when a route has been added
        described["components"]["schemas"].update(ours["$defs"])
        return described

    app.openapi = document
