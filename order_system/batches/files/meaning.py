"""Applies a profile to the rows of one order: whether it is to be shipped, and how much of it; what its
amounts are of; and whether it is paid. The result is rows of our own columns, for `checking` to read."""

import re
from decimal import Decimal
from fnmatch import fnmatchcase

from order_system.batches.files.amount_checks import check_included, check_rest
from order_system.batches.files.amounts import (
    KIND,
    Rows,
    added_up,
    fewer_pieces,
    filled_in,
    number,
    of_each_piece,
    sum_of_lines,
    with_amounts,
    with_points,
    without_doubles,
    without_sums,
)
from order_system.batches.files.columns import ORDER_FIELDS, NumberedRow, shown
from order_system.batches.files.findings import LeftOut, Unfit
from order_system.batches.files.layouts import NULLS, Layout, in_column
from order_system.batches.files.made_names import CUT_SHORT, with_skus_apart
from order_system.batches.files.not_goods import goods_first
from order_system.batches.files.profiles import AMOUNTS
from order_system.batches.files.spellings import says_no, shortest, whole_number
from order_system.domain.order_profile import Paid, State, as_state
from order_system.intake.bill import COSTS_NOTHING


def as_meant(rows: Rows, layout: Layout) -> Rows:
    """Return the rows as the profile means them. Raises LeftOut, Unfit."""
    if in_column("order_id") in rows[0][1]:  # not our own columns as they are
        if len(rows) > 1:
            _check_ids(rows, layout)
            rows = with_skus_apart(rows)
        rows = _reckoned(rows, layout)
    return with_points(rows) if layout.decimal == "," else rows


def _reckoned(rows: Rows, layout: Layout) -> Rows:
    profile = layout.profile
    if profile.sums_first and len(rows) > 1 and not rows[0][1]["sku"]:
        rows = without_sums(rows, layout)
    if others := profile.not_goods:
        rows = goods_first(rows, others, layout)
    said = (*[layout.says(fields) for _, fields in rows], others and sum(KIND in row[1] for row in rows))
    without, unshippable, needs_none = _not_to_be_shipped(rows, said, layout)
    rows = filled_in(rows, layout)
    rows = without_doubles(rows, layout) if len(rows) > 1 else rows
    payment = _payment(rows, said, layout)
    if unshippable and not payment:
        raise unshippable
    rows = with_amounts(rows, layout)
    check_included(rows, layout)
    if without or "quantity_left" in layout.names:
        rows = _what_is_left(rows, without, layout, only_unshippable=bool(without) and without <= needs_none)
    if others or layout.per_line or "line_discount" in layout.names:
        rows = added_up(rows, layout)
    if profile.meaning.get("unit_price") == "line total" or "line_total" in layout.names:
        rows = [each for row in rows for each in of_each_piece(row, layout)]
    for _, fields in rows if payment else ():
        fields["payment_method"] = payment
    return rows


def _check_ids(rows: Rows, layout: Layout) -> None:
    """Raises Unfit if IDs differ only in signs that are dropped, which would make one order of two. It also
    does so for an order that was exported twice, which would become twice as large."""
    key = in_column("order_id")
    first: dict[tuple[str, str], int] = {}
    for line, fields in rows if "line_id" in layout.names else ():
        item = fields["line_id"], fields["sku"]
        if item[0] and first.setdefault(item, line) != line:
            message = f"is also on line {first[item]}: the order is there twice; take one of them out"
            raise Unfit(line, layout.names["line_id"], message)
    for line, fields in rows[1:]:
        if fields[key] != rows[0][1][key] and fields[key] and rows[0][1][key]:
            message = f"is not the ID of line {rows[0][0]}, and becomes the same one"
            raise Unfit(line, layout.names["order_id"], message)


# --- which lines ----------------------------------------------------------------------------------


def _not_to_be_shipped(rows: Rows, said: object, layout: Layout) -> tuple[set[int], Unfit | None, set[int]]:
    """Return the lines not to be shipped; the mistake if some of them need no shipping, and are not paid; and
    the lines that need none. Raises LeftOut, Unfit."""
    if said in layout.run_whole:
        return set(), None, set()
    partly: tuple[int, str] | None = None
    unshippable: Unfit | None = None
    needs_none: set[int] = set()
    goods = [row for row in rows if KIND not in row[1]]
    tells_rest, kept = False, goods
    for state in layout.profile.states:
        name = layout.name_of(state.column)
        if state.of == "order":
            line, text = _of_order(rows, state.column, layout, _OF_LINE)
            if _is_left_out(state, text, line, name):
                raise _left_out(state, text, rows, name)
            partly = (line, name) if as_state(text) in state.partly else partly
            continue
        of_all = state.of == "all lines"
        texts = [(row[0], text_in(row, state.column)) for row in (goods if of_all else kept)]
        gone = {line for line, text in texts if _is_left_out(state, text, line, name)}
        left = [row for row in kept if row[0] not in gone]
        if not left:
            raise _left_out(state, text_in(kept[0], state.column), rows, name)
        needs_none = gone if of_all else needs_none
        if of_all and len(left) < len(kept):
            line = next(line for line, _ in kept if line in gone)
            unshippable = Unfit(line, name, "needs no shipping, and is not paid; take the order out")
        tells_rest |= not of_all and len(left) < len(kept)
        kept = left
    if partly and not tells_rest and not all(fields.get("quantity_left") for _, fields in goods):
        raise Unfit(*partly, "does not say which lines are still to be shipped, and no other column does")
    if not partly and len(kept) == len(goods):
        layout.run_whole.add(said)
    return {line for line, _ in goods if line not in dict(kept)}, unshippable, needs_none


def text_in(row: NumberedRow, column: str) -> str:
    return row[1].get(in_column(column), "")


_OF_LINE = '; if it is of each line alone, say of = "line" in its [[states]]'


def _of_order(
    rows: Rows, column: str, layout: Layout, cure: str = "; repeat it, or leave it blank"
) -> tuple[int, str]:
    """Return line and text of a column that is of the whole order. Raises Unfit if rows differ."""
    key, found = in_column(column), (rows[0][0], "")
    for line, fields in rows:
        if (text := fields.get(key, "")) and text != found[1]:
            if found[1] and shortest(text.casefold()) != shortest(found[1].casefold()):
                raise Unfit(line, layout.name_of(column), f"differs from line {found[0]}{cure}")
            found = line, text
    return found


def _is_left_out(state: State, text: str, line: int, name: str) -> bool:
    key = "0" if "0" in (*state.run, *state.leave_out) and _ZERO.fullmatch(text) else as_state(text)
    named = {"", *state.leave_out, *state.run, *state.partly}
    if key in named or (text in NULLS and "*" in state.leave_out):  # among dates that is a blank
        return (key if key in named else "") in state.leave_out
    left_out = any(fnmatchcase(key, pattern) for pattern in state.leave_out)
    run = [pattern for pattern in state.run if fnmatchcase(key, pattern)]
    if left_out and any(pattern != "*" for pattern in run):
        raise Unfit(line, name, f"{shown(text)} may be one to run or to leave out; name it in either")
    if not left_out and not run:
        known = ", ".join((*state.run, *state.partly, *state.leave_out)) or "none"
        no_cure = "the file cannot tell how many of the line are left"
        part = "add it to `partly` if the file says which lines are left, else to `leave_out`"
        is_part = _PARTLY.search(key) or (state.of == "line" and key.strip("0.,").isdigit())
        cure = (no_cure if state.of == "line" else part) if is_part else "add it there"
        told = f"{shown(text)} is a state that the profile does not know (it knows {known}); {cure}"
        raise Unfit(line, name, told)
    return left_out


_ZERO = re.compile(r"\D{0,5}0[0.,]*\D{0,5}")  # `0`, `0,00` or `EUR 0.00`
_PARTLY = re.compile("part[il]|parcial|parzial|teil|gedeelte|delvis|częściow|částeč|一部")
_A_WORD = 4  # a state with fewer letters, such as `Y`, tells nothing without its column


def _left_out(state: State, text: str, rows: Rows, name: str) -> LeftOut:
    key = as_state(text)
    alike = (words for states, words in state.words.items() if fnmatchcase(key, states))
    words = state.words.get(key) or next(alike, "")
    if not words:
        is_told = key in state.leave_out and len(key) >= _A_WORD
        words = f"{key.replace('_', ' ')} in the shop" if is_told else f"{name} is {shown(text)}"
    days = (re.match(r"\d{4}-\d\d-\d\d", text_in(row, state.date)) for row in rows)
    day = next(filter(None, days), None)
    return LeftOut(name, f"{words} on {day[0]}" if day else words)


def _what_is_left(rows: Rows, without: set[int], layout: Layout, *, only_unshippable: bool) -> Rows:
    """Return the lines, or pieces of them, that have not been shipped. The order's shipping fee belongs to
    what has been shipped, unless that needs no shipping. Raises LeftOut, and Unfit if it cannot be told what
    the rest costs."""
    goods = [row for row in rows if KIND not in row[1]]
    check_rest(goods, without, layout)
    left: list[NumberedRow] = []
    for line, fields in goods:
        ordered = whole_number(fields["quantity"], layout.profile.decimal)
        pieces = whole_number(fields.get("quantity_left", ""), layout.profile.decimal) or ordered
        if line not in without and pieces == ordered:
            left.append((line, fields))
        elif line not in without and pieces.strip("0"):
            left.append((line, fewer_pieces((line, fields), ordered, pieces, layout)))
    if not left:
        raise LeftOut(layout.names["quantity_left"], "all of it is shipped already")
    if left == goods:
        return rows
    for line, fields in rows[len(goods) :]:
        raise Unfit(line, fields[KIND], _OF_THE_WHOLE)
    _, first = rows[0]
    gone = [row for row in rows if row[0] in without]
    of_order = [field for field in AMOUNTS if not layout.profile.is_per_line(field)]
    shared = {field: first[field] for field in ORDER_FIELDS if first[field] and field not in layout.per_line}
    if [row for row in rows if row not in gone] == left and sum_of_lines(gone, layout) == 0:
        shared |= {"subtotal": first.get("subtotal", "")}
        return [
            (line, fields | {key: fields.get(key) or shared[key] for key in shared}) for line, fields in left
        ]
    fee, total = (number(first, field, layout) or 0 for field in ("shipping_fee", "total"))
    if "total" not in of_order or not total or sum_of_lines(rows, layout) != total - fee:
        for field in ("tax", "discount") if only_unshippable else ("tax", "discount", "total"):
            if field in of_order and any(number(fields, field, layout) for _, fields in rows):
                raise Unfit(rows[0][0], layout.names[field], _OF_THE_WHOLE)
    shared |= dict.fromkeys(of_order, "")
    if only_unshippable:
        shared["shipping_fee"] = first["shipping_fee"]
    return [(line, fields | shared) for line, fields in left]


_OF_THE_WHOLE = (
    "is of the whole order, and how much of it is on what is left is not told; "
    "take the other lines out of the file, and let this and the total be of the rest"
)


# --- payment -------------------------------------------------------------------------------------


def _payment(rows: Rows, said: object, layout: Layout) -> str:
    """Return the payment method if an order is paid already; else blank. Raises Unfit if a part is owed."""
    if not (paid := layout.profile.paid):
        return ""
    if paid.amount or said not in layout.paid:  # an amount is compared with each order's total
        if not _is_paid(rows, paid, layout):
            return ""
        layout.paid.add(said)
    for column in paid.reference:
        _, reference = _of_order(rows, column, layout)
        if reference and not says_no(reference) and not CUT_SHORT.fullmatch(reference):
            break
    else:
        reference = rows[0][1]["order_id"]
    return f"paid:{''.join(reference.split())}"


def _is_paid(rows: Rows, paid: Paid, layout: Layout) -> bool:
    """Return whether the order is paid. Raises Unfit."""
    told_by, or_else = (
        [each for each in of if in_column(each) in layout.names] for of in (paid.column, paid.or_else)
    )
    states = paid.states if told_by else paid.or_else_states or paid.states
    found = [(column, *_of_order(rows, column, layout)) for column in told_by or or_else or paid.column]
    column, line, text = next((each for each in found if each[2]), (found or [("", 0, "")])[0])
    state, first = as_state(text), rows[0][1]
    owed_on, owed = _owed(rows, paid, layout)
    rest = f"{owed} {first['currency']} are still to be paid" if owed else "it is not paid"
    if state in paid.refuse:
        raise Unfit(line, layout.name_of(column), f"{rest} in the shop ({state or 'blank'}); {_CURE}")
    is_unpaid = says_no(state) or any(fnmatchcase(state, pattern) for pattern in paid.unpaid)
    is_like_paid = any(fnmatchcase(state, pattern) for pattern in states)
    is_paid = not column or state in states or (is_like_paid and not is_unpaid)
    if says_no(state) and not is_paid and (others := [each[0] for each in found if not says_no(each[2])]):
        told = f"says no, but {layout.name_of(others[0])} is filled; make blank which of them is wrong"
        raise Unfit(line, layout.name_of(column), told)
    if owed and (is_paid or owed != number(first, "total", layout)):
        raise Unfit(owed_on, layout.name_of(paid.owed or paid.amount), f"{rest} in the shop")
    if not is_paid and not any(fields["payment_method"] for _, fields in rows):
        if number(first, "total", layout) == 0:
            raise Unfit(rows[0][0], layout.names["total"], COSTS_NOTHING)
        told = f"does not say that it is paid ({shown(text)})" if text else "nothing says that it is paid"
        raise Unfit(line, layout.name_of(column), f"{told}; {_CURE}")
    return is_paid


def _owed(rows: Rows, paid: Paid, layout: Layout) -> tuple[int, Decimal]:
    """Return the line that tells it, and how much is still to be paid. Raises Unfit."""
    column, first = paid.owed or paid.amount, rows[0][1]
    line, text = _of_order(rows, column, layout)
    found = number({"currency": first["currency"], column: text}, column, layout)
    if paid.owed and not text and not (paid.column or paid.or_else):
        raise Unfit(line, layout.name_of(column), "is blank: nothing says that all of it is paid")
    if text and found is None and not text.startswith("-"):  # negative: too much was paid
        raise Unfit(line, layout.name_of(column), "must be an amount, such as 29.99")
    if paid.owed or not paid.amount:
        return line, found or Decimal(0)
    totals = [each for _, fields in rows if (each := number(fields, "total", layout)) is not None]
    if not totals:
        raise Unfit(line, layout.names["total"], "is missing: without it nothing says that all of it is paid")
    total = sum(totals, Decimal(0)) if layout.profile.is_per_line("total") else totals[0]
    return line, max(total - (found or 0), Decimal(0))


_CURE = "wait for the money, or name the payment_method that is to be charged"
