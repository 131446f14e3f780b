"""Files of orders, read page by page. `order_system/csv_orders.py` is the door to all of it; here only what
travels, light enough for workflow code."""

from order_system.batch_files.references import (
    ColumnMapping,
    FileChanged,
    FileFormat,
    FileRef,
    FileRefused,
    FileUnreachable,
    InvalidMapping,
    Position,
)

__all__ = [
    "ColumnMapping",
    "FileChanged",
    "FileFormat",
    "FileRef",
    "FileRefused",
    "FileUnreachable",
    "InvalidMapping",
    "Position",
]
