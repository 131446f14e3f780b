"""Files of orders, read page by page: CSV in our columns or, by a profile, in any others; JSON Lines.

    files = OrderFiles(settings.file_roots)
    ref = await files.inspect("orders.csv", mapping=parse_mapping("order_id=orderID,currency==USD"))
    page = await files.read_page(ref)
    ...
    page = await files.read_page(ref, page.next)       until page.at_end

`sources` opens permitted files; `rows` makes rows of bytes, whatever is wrong with them; `columns`, `layouts`
and `profiles` say what the cells are; `blocks` finds the rows of one order; `meaning` says by the profile how
much of it is to be shipped, at what price; `checking` makes it an order, by `quick_check` or by the strict
reader of `intake`. Except for `batches`, other packages import the names below and no module of this one."""

from order_system.batches.files.apart import SeenOrders
from order_system.batches.files.columns import COLUMNS, REJECT_REASON, parse_mapping
from order_system.batches.files.findings import duplicate
from order_system.batches.files.guessing import first_profile
from order_system.batches.files.inspection import ENCODINGS, HowToRead, inspect_file
from order_system.batches.files.profiles import built_in_profiles, load_profile, parse_profile
from order_system.batches.files.reader import OrderFiles

__all__ = [
    "COLUMNS",
    "ENCODINGS",
    "REJECT_REASON",
    "HowToRead",
    "OrderFiles",
    "SeenOrders",
    "built_in_profiles",
    "duplicate",
    "first_profile",
    "inspect_file",
    "load_profile",
    "parse_mapping",
    "parse_profile",
]
