"""The examples of the OpenAPI document are such as we answer."""

import json
import re
from pathlib import Path

from order_system.orders.details import AS_LISTED
from order_system.orders.exports import COLUMNS
from order_system.web import examples
from order_system.web.examples import EXAMPLES


def test_a_list_has_the_columns_of_one() -> None:
    heading, _row = EXAMPLES["orders_csv"].splitlines()
    assert heading.split(",") == [*COLUMNS]
    assert [*json.loads(EXAMPLES["orders_json_lines"])] == [*COLUMNS]


def test_an_order_tells_what_a_list_does() -> None:
    assert {*EXAMPLES["order"]} >= AS_LISTED


def test_times_end_at_the_millisecond() -> None:
    text = Path(examples.__file__).with_suffix(".json").read_text("utf-8")
    times = re.findall(r"\d{4}-\d\d-\d\dT[0-9:]+([^\s\",\\]*)", text)
    assert len(times) > 20
    assert [end for end in times if not re.fullmatch(r"\.\d{3}Z", end)] == []
