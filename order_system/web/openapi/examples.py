"""Examples of bodies and answers, for the OpenAPI document."""

from typing import Any

from fastapi.openapi.models import Example

ORDER_ID, BATCH = "ORDER-001", "monday"

NEW_ORDER: dict[str, Any] = {
    "order_id": ORDER_ID,
    "currency": "USD",
    "customer": {"name": "Ada", "email": "ada@example.com"},
    "payment_method": "pm_card_ok",
    "shipping_address": {
        "street": "1 Main St",
        "city": "Portland",
        "region": "OR",
        "postal_code": "97201",
        "country": "US",
    },
    "lines": [
        {"sku": "LAPTOP-789", "quantity": 1, "unit_price": "999.99"},
        {"sku": "MOUSE-321", "quantity": 2, "unit_price": "29.99"},
    ],
    "total": "1059.97",
}
ORDER_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/OrderForm"}, "example": NEW_ORDER}
    },
}
SUBMITTED = {
    "order_id": ORDER_ID,
    "status": "running",
    "started": True,
    "location": f"/api/orders/{ORDER_ID}",
}
LOCATION = {
    "Location": {
        "description": "Where the order is read.",
        "schema": {"type": "string"},
        "example": f"/api/orders/{ORDER_ID}",
    }
}
OUTCOME = {
    "order_id": ORDER_ID,
    "status": "fulfilled",
    "submission": "0199a3c1-6f0e-7bd2-9a51-0c6f4f7f2a11",
    "fingerprint": "5b1f0c9e2d7a4386b0e1c2d3f4a5968778695a4f3d2c1e0b6834a7d2e9c0f1b5",
    "payment": {"charge_id": "ch_1", "amount": 105997, "currency": "USD"},
    "parcel": {"carrier": "Simulated Parcel", "tracking_number": "SP-000001"},
    "note": None,
}


def _step(step: str, began: int, ended: int) -> dict[str, Any]:
    return {
        "step": step,
        "workflow_id": f"{step}-{ORDER_ID}",
        "run_id": "0199a3c1-7001-7c54-8d6e-1b2a3c4d5e6f",
        "status": "completed",
        "started_at": f"2026-11-25T09:00:{began:02}.000Z",
        "closed_at": f"2026-11-25T09:00:{ended:02}.000Z",
        "duration_ms": (ended - began) * 1000,
        "attempts": 1,
        "reason": None,
    }


def _bar(step: str, began: int, ended: int) -> dict[str, Any]:
    return {
        "kind": "step",
        "step": step,
        "state": "completed",
        "started_at": f"2026-11-25T09:00:{began:02}.000Z",
        "ended_at": f"2026-11-25T09:00:{ended:02}.000Z",
        "attempts": 1,
        "reason": None,
        "marks": [],
    }


_STEPS = (("payment", 0, 1), ("inventory", 1, 2), ("shipping", 2, 4), ("notification", 4, 5))
ORDER: dict[str, Any] = {
    "order_id": ORDER_ID,
    "workflow_id": f"order-{ORDER_ID}",
    "run_id": OUTCOME["submission"],
    "submission": OUTCOME["submission"],
    "status": "fulfilled",
    "failed_step": None,
    "reason": None,
    "held_until": None,
    "note": None,
    "children": [_step(*each) for each in _STEPS],
    "compensations": [],
    "answers": [],
    "timeline": {
        "began_at": "2026-11-25T09:00:00.000Z",
        "ended_at": "2026-11-25T09:00:05.000Z",
        "bars": [_bar(*each) for each in _STEPS],
    },
    "links": {
        "order": f"http://localhost:8233/namespaces/default/workflows/order-{ORDER_ID}/{OUTCOME['submission']}",
        "relationships": f"http://localhost:8233/namespaces/default/workflows/order-{ORDER_ID}/"
        f"{OUTCOME['submission']}/relationships",
        "steps": {step: None for step, _, _ in _STEPS},
    },
    "actions": [],
}
ORDERS = {
    "rows": [
        {
            "order_id": ORDER_ID,
            "submission": OUTCOME["submission"],
            "status": "failed",
            "failed_step": "shipping",
            "reason": "ShippingRefused: the carrier does not take the parcel",
            "batch": BATCH,
            "total": "1059.97",
            "currency": "USD",
            "opened_at": "2026-11-25T09:00:00.000Z",
            "closed_at": "2026-11-25T09:00:05.000Z",
        }
    ],
    "next": None,
}
ATTENTION = {
    "concerns": [
        {
            "kind": "undo is stuck",
            "workflow_id": f"order-{ORDER_ID}",
            "run_id": OUTCOME["submission"],
            "order_id": ORDER_ID,
            "batch": None,
            "step": "payment",
            "since": "2026-11-25T09:00:05.000Z",
            "reason": "attempt 7: the gateway does not answer",
            "held_until": None,
            "commands": [f"python starter.py resolve {ORDER_ID} payment --retry"],
            "cure": None,
        }
    ],
    "more": False,
}
_RECEIPT = {
    "order_id": ORDER_ID,
    "step": "payment",
    "result": "retried",
    "detail": "the undo of payment is tried again now",
}
_STUCK = {**ORDER, "status": "needs_attention", "actions": ["resolve"]}
ANSWERED = {"receipt": _RECEIPT, "order": _STUCK}
ANSWERS: dict[str, Example] = {
    "by the key's name": {"value": {"note": "the gateway is back"}},
    "by somebody else": {"value": {"note": "the customer has left", "who": "ada@desk-1"}},
}
RESOLUTIONS: dict[str, Example] = {
    "try it again": {"value": {"step": "payment", "remedy": "retry"}},
    "done by hand": {
        "value": {"step": "payment", "remedy": "handled", "note": "refunded by hand, ticket 123"}
    },
    "a parcel that has not gone": {
        "value": {
            "step": "shipping",
            "remedy": "handled",
            "parcel": "voided",
            "note": "the carrier has cancelled the label, ticket 124",
        }
    },
}
CANCELLED = {"verdict": "undone", "order": {**ORDER, "status": "cancelled"}}
STILL_UNDOING = {"verdict": "still being undone", "order": {**ORDER, "status": "running"}}
EVENTS = (
    f'event: order\ndata: {{"order_id":"{ORDER_ID}","status":"running","...":"..."}}\n\n'
    f'event: closed\ndata: {{"order_id":"{ORDER_ID}","status":"fulfilled"}}\n\n'
)
ALIVE = {"status": "ok"}
READY = {"status": "ready", "database": "ok", "temporal": "ok"}
NOT_READY = {"status": "not ready", "database": "ok", "temporal": "does not answer"}


def answer(description: str, example: object, *, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    """A response of the document, by its example."""
    content = {"application/json": {"example": example}}
    return {"description": description, "content": content, **({"headers": headers} if headers else {})}
