"""Examples of what is said about batches, for the OpenAPI document."""

import json
from typing import Any

from order_system.web.openapi.examples import BATCH, LOCATION, NEW_ORDER, ORDER_ID, OUTCOME

BATCHES = {
    "rows": [
        {
            "name": BATCH,
            "workflow_id": f"batch-{BATCH}",
            "started_at": "2026-11-25T09:00:00.000Z",
            "file": "orders.csv",
            "bytes_total": 48211,
            "window": 50,
            "only_failed": False,
        }
    ],
    "next": None,
}


_COLUMNS = (
    "order_id,currency,customer_name,customer_email,payment_method,"
    "street,city,region,postal_code,country,sku,quantity,unit_price"
)
CSV_FILE = f"""\
{_COLUMNS}
ORDER-001,USD,Ada,ada@example.com,pm_card_ok,1 Main St,Portland,OR,97201,US,MOUSE-321,2,29.99
"""
FILE_BODY: dict[str, Any] = {
    "required": True,
    "description": "The file as it is.",
    "content": {
        "text/csv": {"schema": {"type": "string"}, "example": CSV_FILE},
        "application/x-ndjson": {"schema": {"type": "string"}, "example": f"{json.dumps(NEW_ORDER)}\n"},
    },
}
_COUNTS = {
    "bytes_read": 48211,
    "rows": 300,
    "rows_rejected": 1,
    "rows_duplicate": 0,
    "rows_valid": 299,
    "rejected": 1,
    "duplicate": 0,
    "valid": 299,
    "skipped": 0,
    "conflicting": 0,
    "not_started": 120,
    "running": 50,
    "fulfilled": 120,
    "failed": 9,
    "cancelled": 0,
    "needing_attention": 0,
}
_UI = "http://localhost:8233/namespaces/default/workflows"
PROGRESS: dict[str, Any] = {
    "name": BATCH,
    "workflow_id": f"batch-{BATCH}",
    "status": "running",
    "window": 50,
    "bytes_total": 48211,
    "counts": _COUNTS,
    "started_at": "2026-11-25T09:00:00Z",
    "updated_at": "2026-11-25T09:00:20Z",
    "orders_expected": 299,
    "orders_a_second": 6.4,
    "seconds_left": 26.6,
    "reason": None,
    "handed_on": [],
    "link": f"{_UI}?query=WorkflowId%3D%22batch-{BATCH}%22",
    "actions": ["pause", "cancel"],
}
BATCH_STARTED = {
    "name": BATCH,
    "workflow_id": f"batch-{BATCH}",
    "started": True,
    "location": f"/api/batches/{BATCH}",
}
BATCH_LOCATION = {"Location": {**LOCATION["Location"], "example": f"/api/batches/{BATCH}"}}
PLAN = {
    "name": BATCH,
    "format": "csv",
    "size": 48211,
    "sha256": OUTCOME["fingerprint"],
    "rows": 300,
    "orders": 299,
    "by_status": {"new": 290, "fulfilled": 8, "conflict": 1},
    "conflicts": [ORDER_ID],
    "invalid": 1,
    "duplicates": 0,
    "problems": [
        {
            "first_line": 17,
            "last_line": 17,
            "rows": 1,
            "column": "quantity",
            "order_id": "ORDER-016",
            "reason": "line 17, quantity: must be between 1 and 10,000",
            "kind": "invalid",
        }
    ],
}
BATCH_ORDERS = {
    "rows": [
        {
            "order_id": ORDER_ID,
            "first_line": 2,
            "last_line": 3,
            "status": "fulfilled",
            "fate": "start",
            "failed_step": None,
            "reason": None,
            "opened_at": "2026-11-25T09:00:00.000Z",
            "closed_at": "2026-11-25T09:00:05.000Z",
        }
    ],
    "next": None,
}
OUTCOME_CSV = """\
first_line,last_line,rows,order_id,workflow_id,status,failed_step,reason,closed_at
2,3,2,ORDER-001,order-ORDER-001,fulfilled,,,2026-11-25T09:00:05.000+00:00
"""
