"""The patterns of what requests name, and the rule of each in words, and of some errors of pydantic's."""

from order_system.domain import ids
from order_system.intake import fields

ORDER_ID = fields.ORDER_ID_PATTERN
BATCH_NAME = f"^{ids.BATCH_NAME.pattern}$"
EVENT_ID = "^evt_[0-9a-f]{32}$"
CHOICE = f"^{ids.ORDER_ID.pattern}(:[A-Za-z0-9._]+){{0,2}}$"
CURRENCY = fields.CURRENCY_PATTERN
_TIME = "must be a time with its zone, such as 2026-11-25T08:00Z; a + in an address is %2B"

RULES = fields.RULES | {
    BATCH_NAME: "must be 1 to 100 ASCII letters, digits, '.', '_', '-', the first a letter or digit",
    EVENT_ID: "must be an event's ID: evt_ and 32 of the digits 0 to 9 and a to f",
    CHOICE: "must be an order's ID, or one with what waits of it, such as ORDER-001:payment",
    "model_attributes_type": "the body must be a JSON object, sent as application/json",
    **dict.fromkeys(("datetime_parsing", "datetime_from_date_parsing", "timezone_aware"), _TIME),
}
