"""Makes an order of its rows, or tells what is wrong with them, in the strict reader's own words."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import partial
from itertools import product
from operator import mul
from typing import Any

from order_system.batches.files.amounts import KIND, Rows, cure_of_comma, number, readings
from order_system.batches.files.blocks import Block
from order_system.batches.files.columns import COLUMNS, LINE_FIELDS, ORDER_FIELDS, NumberedRow, column_at
from order_system.batches.files.findings import LeftOut, Mistake, Unfit, told
from order_system.batches.files.layouts import Layout
from order_system.batches.files.made_names import tidied_id
from order_system.batches.files.meaning import as_meant, text_in
from order_system.batches.files.profiles import AMOUNTS
from order_system.batches.files.quick_check import cents, plain_order
from order_system.batches.files.spellings import spelled_out
from order_system.domain.ids import is_order_id
from order_system.domain.order import Order
from order_system.domain.order_file import Content, ParsedOrder, ProblemKind, RowProblem
from order_system.domain.order_profile import Profile
from order_system.intake.bill import MAX_LINES
from order_system.intake.documents import spell
from order_system.intake.fields import MAX_QUANTITY
from order_system.intake.reader import Problem, examine_value, presentable_id


def checked(block: Block, layout: Layout) -> ParsedOrder | RowProblem:
    """Return the order of these rows, or all that is wrong with it, or why it is not to be shipped."""
    rows: Sequence[NumberedRow] = block.rows[:MAX_LINES]
    unfit: list[Mistake] = []
    if rows and not block.mistakes and block.count <= MAX_LINES:
        try:
            rows = as_meant(rows, layout)
        except LeftOut as left_out:
            return _problem(block, left_out.column, left_out.reason, ProblemKind.LEFT_OUT)
        except Unfit as mistake:
            unfit.append(mistake.mistake)
        else:
            for plain in readings(rows, layout):
                if found := plain_order(plain):
                    total, *texts = found
                    paid_in, paid_by = plain[0][1]["currency"], plain[0][1]["payment_method"]
                    return _parsed(block, layout, partial(_plain_content, *texts), total, paid_in, paid_by)
    order, mistakes = _read_thoroughly(block, rows, unfit, layout)
    if order is not None:
        return _parsed(block, layout, order, order.total, order.currency, order.payment_method)
    text, footers = block.broken_text.strip().casefold(), layout.profile.footers
    if block.count == len(block.mistakes) == 1 and any(fnmatchcase(text, each) for each in footers):
        block.order_id = ""
        return _problem(block, None, "no order: a footer of the shop's file", ProblemKind.LEFT_OUT)
    if block.count == 1 and rows and not any(rows[0][1][field] for field in _NEVER_IN_A_FOOTER):
        mistakes = [Mistake(block.first_line, None, f"names neither a customer nor an item; {_A_FOOTER}")]
    mistakes = sorted(dict.fromkeys(_explained(mistakes, rows, layout)), key=lambda mistake: mistake.line)
    return _problem(block, mistakes[0].column, told(mistakes), ProblemKind.INVALID)


_A_FOOTER = "if it is a footer or a sum, take it out of the file"
_NEVER_IN_A_FOOTER = ("sku", "customer_name", "customer_email", "street", "city")


def _explained(mistakes: list[Mistake], rows: Rows, layout: Layout) -> Iterator[Mistake]:
    """Tell of a wrong total what it is made of, and what would make it right. A mistake in a payment names
    the column of its reference. If the order's ID is the reference, only the ID's mistake is told."""
    is_paid = bool(rows) and rows[0][1]["payment_method"].startswith("paid:")
    paid, payment = layout.profile.paid if is_paid else None, layout.names["payment_method"]
    references = [each for each in paid.reference if any(text_in(row, each) for row in rows)] if paid else []
    is_of_id = bool(paid) and any(mistake.column == layout.names["order_id"] for mistake in mistakes)
    for line, named, message in mistakes:
        if named == payment and is_of_id and not references:
            continue
        column = layout.name_of(references[0]) if named == payment and references else named
        cure = ""
        if message.endswith("is not explained"):
            for field, keys in layout.further_parts.items():
                if parts := [layout.names[key] for key in keys if rows[0][1][key].strip("0.,")]:
                    cure += f"; {field} is with {' and '.join(parts)}"
            cure += _cure_of_total(rows, layout)
        if message == "is missing" and named == layout.names["quantity"] and line > rows[0][0]:
            cure = f"; {_A_FOOTER}"
        yield Mistake(line, column, message + cure)


def _cure_of_total(rows: Rows, layout: Layout) -> str:
    """Return what would make the total right: to drop rows, or another meaning of an amount."""
    if len({(*fields.items(),) for _, fields in rows}) < len(rows):
        return "; rows of it are the same: is it in the file twice?"
    prices, pieces = (
        [number(fields, field, layout) or Decimal(0) for _, fields in rows]
        for field in ("unit_price", "quantity")
    )
    fees, taxes, discounts, totals = (  # of a line in the file, which may be two rows by now
        {line: number(fields, field, layout) or Decimal(0) for line, fields in rows}.values()
        for field in AMOUNTS
    )
    ways = [[(sum(map(mul, prices, pieces)), ""), (sum(prices), 'unit_price = "line total"')]]
    for field, each in (("shipping_fee", fees), ("tax", taxes), ("discount", discounts)):
        ways.append([(max(each), ""), (sum(each), f'{field} = "per line"')])
    for way in product(*ways):
        goods, fee, tax, discount = (value for value, _ in way)
        if goods + fee + tax - discount == max(totals):
            said = " and ".join(text for _, text in way if text)
            return f"; all is, if a profile says {said} under [meaning]"
    return ""


def _problem(block: Block, column: str | None, reason: str, kind: ProblemKind) -> RowProblem:
    lines = block.first_line, block.last_line, block.count
    return RowProblem(*lines, column, presentable_id({"order_id": block.order_id}), reason, kind)


def _parsed(block: Block, layout: Layout, content: Content, *bill: *tuple[int, str, str]) -> ParsedOrder:
    rows = block.rows[1:]
    further = "".join([fields[field] for field in layout.once for _, fields in rows if KIND not in fields])
    lines = block.first_line, block.last_line, block.count
    counted_once = bool(further.strip("0.,")) and not any(fields["total"] for _, fields in block.rows)
    return ParsedOrder(block.order_id, *lines, content, *bill, counted_once)


def _plain_content(of_order: str, of_lines: str) -> dict[str, Any]:
    """Return what the strict reader would make of it: amounts in minor units, those that are 0 left out."""
    order = dict(zip(ORDER_FIELDS, of_order.split("\n"), strict=True))
    lines = zip(*[iter(of_lines.split("\n"))] * len(LINE_FIELDS), strict=True)
    content = _document([(0, order | dict(zip(LINE_FIELDS, line, strict=True))) for line in lines])
    content.pop("total", None)
    for line in content["lines"]:
        line["unit_price"] = cents(line["unit_price"])
    for name in ("shipping_fee", "tax", "discount"):
        if amount := cents(content.pop(name, "")):
            content[name] = amount
    return content


def _read_thoroughly(
    block: Block, rows: Sequence[NumberedRow], unfit: Sequence[Mistake], layout: Layout
) -> tuple[Order | None, list[Mistake]]:
    rows, unharmless = spelled_out(rows, layout)
    told_of = {(each.line, each.column) for each in unharmless}
    unfit = [each for each in unfit if (each.line, each.column) not in told_of]
    mistakes = [*block.mistakes, *_mistakes_of_block(block, rows, layout), *unharmless, *unfit]
    came_from: dict[str, int] = {}
    if len(rows) > 1:
        rows, came_from, disagreements = _consolidated(rows, layout)
        mistakes += disagreements
        rows = _merged([row for row in rows if KIND not in row[1]])
    return (None, mistakes) if mistakes else _read_strictly(rows, came_from, layout)


def _mistakes_of_block(block: Block, rows: Sequence[NumberedRow], layout: Layout) -> Iterator[Mistake]:
    if block.count > MAX_LINES:
        message = f"begins an order of {block.count:,} rows; an order may have at most {MAX_LINES}"
        yield Mistake(block.first_line, None, message)
    total_tells = not layout.profile.is_per_line("total") and any(fields["total"] for _, fields in rows)
    for line, fields in rows if len(rows) > 1 else ():  # the strict reader speaks of a single one
        if not fields["order_id"] and not fields["sku"]:
            yield Mistake(line, None, f"names neither an order nor an item; {_A_FOOTER}")
        elif not fields["order_id"] and not (total_tells and rows[0][1]["order_id"]):
            cure = "" if total_tells else ", or name the column of the total, which tells whose line it is"
            message = f"is missing; repeat it{cure}"
            yield Mistake(line, layout.names["order_id"], message)


def _consolidated(
    rows: Sequence[NumberedRow], layout: Layout
) -> tuple[list[NumberedRow], dict[str, int], list[Mistake]]:
    """Return the rows with all that is the order's on the first one, the line that each field came from, and
    where rows disagree."""
    first_line, first = rows[0][0], dict(rows[0][1])
    came_from: dict[str, int] = {}
    mistakes: list[Mistake] = []
    for field in [field for field in ORDER_FIELDS if field not in layout.per_line]:
        found = [(at, each[field]) for at, each in rows if each[field] and each.get(KIND) != field]
        if field in AMOUNTS and len(more := [each for each in found if each[1].strip("0.")]) == 1:
            found = more  # 0.00 on the other rows adds nothing
        for line, text in found:
            known = came_from.setdefault(field, line)
            if known == line:
                first[field] = text
            elif text != first[field]:
                message = f"differs from line {known}; repeat it, or leave it blank"
                if field in AMOUNTS:
                    message += f'; if it is of each line alone, say {field} = "per line" under [meaning]'
                mistakes.append(Mistake(line, layout.names[field], message))
    return [(first_line, first), *rows[1:]], came_from, mistakes


def _merged(rows: Sequence[NumberedRow]) -> list[NumberedRow]:
    """Return one line for each SKU at each price: buy one, get one half off stays two."""
    merged: dict[tuple[str, str], NumberedRow] = {}
    for line, fields in rows:
        key = (fields["sku"], fields["unit_price"])
        first_line, first = merged.setdefault(key, (line, fields))
        if first_line == line:
            continue
        quantities = [first["quantity"], fields["quantity"]]
        if not all(re.fullmatch(r"[1-9][0-9]{0,4}", quantity) for quantity in quantities):
            return list(rows)
        merged[key] = (first_line, {**first, "quantity": str(sum(map(int, quantities)))})
    return list(merged.values())


def _read_strictly(
    rows: Sequence[NumberedRow], came_from: dict[str, int], layout: Layout
) -> tuple[Order | None, list[Mistake]]:
    fewest: list[Mistake] = []
    for reading in readings(rows, layout):
        order, problems = examine_value(_document(reading))
        if order is not None:
            return order, []
        if not reading[0][1]["currency"]:  # amounts are read by it
            problems = [each for each in problems if column_at(each.place) not in ("unit_price", *AMOUNTS)]
        # A total that is right in another reading is not called wrong because something else is.
        if not fewest or len(problems) < len(fewest):
            fewest = [_in_the_file(problem, reading, came_from, layout) for problem in problems]
    return None, fewest


def _document(rows: Sequence[NumberedRow]) -> dict[str, Any]:
    """Make the order document. Blank fields are left out, except those that may be blank."""
    document: dict[str, Any] = {
        "customer": {},
        "shipping_address": {"region": "", "postal_code": ""},
        "lines": [
            {field: _value(field, fields[field]) for field in LINE_FIELDS if fields[field]}
            for _, fields in rows
        ],
    }
    first = rows[0][1]
    for field, outer, name in _PLACES:
        if text := first[field]:
            (document[outer] if outer else document)[name] = text
    return document


_PLACES = [(field, *spell(COLUMNS[field][0]).rpartition(".")[::2]) for field in ORDER_FIELDS]
"""Each order field, the object of the document that it stands in (blank: the document), and its name."""


def _value(field: str, text: str) -> str | int:
    return int(text) if field == "quantity" and _WHOLE_NUMBER.fullmatch(text) else text


_WHOLE_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_CURES_OF_IDS = {
    'id_strip = "#" drops that': Profile(id_strip="#"),
    'id_replace = "-" puts that for each other sign': Profile(id_replace="-"),
}


def _in_the_file(
    problem: Problem, rows: Sequence[NumberedRow], came_from: dict[str, int], layout: Layout
) -> Mistake:
    """Return a mistake in the document as one in the file."""
    field = column_at(problem.place)
    if field is None:
        return Mistake(rows[0][0], None, f"{spell(problem.place)}: {problem.message}")
    first_line, of_row = rows[int(problem.place[1]) if field in LINE_FIELDS else 0]
    line = first_line if field in LINE_FIELDS else came_from.get(field, first_line)
    message, text = problem.message, of_row[field]
    if field == "quantity" and message.startswith("must be a whole number"):
        message = f"must be a whole number between 1 and {MAX_QUANTITY:,}"
        if re.fullmatch(r"[0-9]{1,3}[.,][0-9]{3}", text):
            message = "may be thousands or decimals; a profile that says decimal tells"
            message = "may be thousands; write it without that sign" if layout.profile.decimal else message
    if field == "customer_email" and message == "is missing":
        message += '; a profile that says customer_email = "none@example.com" under [defaults] fills it in'
    if field == "unit_price" and message.startswith("must not be more precise"):
        message += "; a profile that names the column of what the whole line costs, as line_total, helps"
    if message.startswith("must be decimal text"):
        message += cure_of_comma(text)
    if field == "order_id" and text and not is_order_id(text):
        cure = next((each for each, tidy in _CURES_OF_IDS.items() if is_order_id(tidied_id(text, tidy))), "")
        message += cure and f"; a profile that says {cure}"
    message = re.sub(r"lines\[(\d+)\]", lambda place: f"line {rows[int(place[1])][0]}", message)
    return Mistake(line, layout.names[field], message)
