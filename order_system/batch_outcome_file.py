"""What became of each line of a batch's file, as a table: one row for an order, or for rows that are none."""

import csv
from typing import IO, Any

from order_system.batch_reports import LineOutcome
from order_system.csv_orders import defuse

OUTCOME_COLUMNS = (
    "first_line",
    "last_line",
    "rows",
    "order_id",
    "workflow_id",
    "status",
    "failed_step",
    "reason",
    "closed_at",
)


def outcome_document(line: LineOutcome) -> dict[str, Any]:
    closed = line.closed_at.isoformat(timespec="milliseconds") if line.closed_at else None
    return {**{name: getattr(line, name) for name in OUTCOME_COLUMNS}, "closed_at": closed}


class OutcomeFile:
    """CSV, no cell of which is run by a spreadsheet."""

    def __init__(self, file: IO[str]) -> None:
        self._rows = csv.writer(file)
        self._rows.writerow(OUTCOME_COLUMNS)

    def add(self, line: LineOutcome) -> None:
        values = outcome_document(line).values()
        self._rows.writerow(["" if value is None else defuse(str(value)) for value in values])
