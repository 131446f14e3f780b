"""Examples of bodies and answers for the OpenAPI document, by name, out of `examples.json`. For each problem
there is its meaning, and an example of its detail."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EXAMPLES: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
EXAMPLES["json_lines_file"] = json.dumps(EXAMPLES["new_order"]) + "\n"
EXAMPLES["orders_json_lines"] = json.dumps(EXAMPLES["orders"]["rows"][0] | {"refunds": None}) + "\n"
ORDER_ID, BATCH = EXAMPLES["order"]["order_id"], EXAMPLES["batch"]["name"]
EVENT = EXAMPLES["sent_again"]["chosen"]

for name in ("answered", "cancelled", "still_undoing"):  # these have only the fields that differ
    EXAMPLES[name]["order"] = {**EXAMPLES["order"], **EXAMPLES[name]["order"]}


def answer(description: str, name: str | Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return a response of the OpenAPI document, by its example; or by its content, if that is not JSON. A
    `location` in an example is a header, too."""
    if not isinstance(name, str):
        return {"description": description, "content": name}
    example = EXAMPLES[name]
    response = {"description": description, "content": {"application/json": {"example": example}}, **more}
    if "location" in example:
        header = {
            "description": "The address to read it from.",
            "schema": {"type": "string"},
            "example": example["location"],
        }
        response["headers"] = {"Location": header}
    return response


def text(name: str) -> dict[str, Any]:
    """Return a body that is not JSON, by its example."""
    return {"schema": {"type": "string"}, "example": EXAMPLES[name]}
