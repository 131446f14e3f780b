"""Examples of bodies and answers, for the OpenAPI document: those of `examples.json`, by name;
and of each problem what it means, and an example of its detail."""

import json
from pathlib import Path
from typing import Any

EXAMPLES: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
EXAMPLES["json_lines_file"] = json.dumps(EXAMPLES["new_order"]) + "\n"
ORDER_ID, BATCH = EXAMPLES["order"]["order_id"], EXAMPLES["batch"]["name"]
EVENT = EXAMPLES["sent_again"]["chosen"]

for name in ("answered", "cancelled", "still_undoing"):  # these say only what is different about their order
    EXAMPLES[name]["order"] = {**EXAMPLES["order"], **EXAMPLES[name]["order"]}


def answer(description: str, name: str, **more: Any) -> dict[str, Any]:
    """A response of the document, by its example. One that has a `location` has it as a header, too."""
    example = EXAMPLES[name]
    response = {"description": description, "content": {"application/json": {"example": example}}, **more}
    if "location" in example:
        header = {
            "description": "Where it is read.",
            "schema": {"type": "string"},
            "example": example["location"],
        }
        response["headers"] = {"Location": header}
    return response


def text(name: str) -> dict[str, Any]:
    """A body that is no JSON, by its example."""
    return {"schema": {"type": "string"}, "example": EXAMPLES[name]}
