"""Guesses a first profile for a file that has none yet, by its first bytes. A person has to check it."""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain

from order_system.batches.files.columns import COLUMNS, shown
from order_system.batches.files.guessed_columns import KNOWN, Cells, all_are, columns_of, key_of
from order_system.batches.files.guessed_text import as_table, likeliest_encoding
from order_system.batches.files.inspection import encoding_of
from order_system.batches.files.layouts import NULLS, fitted_layout
from order_system.batches.files.profiles import AMOUNTS, built_in_profiles, parse_profile
from order_system.batches.files.sources import open_source
from order_system.batches.files.spellings import is_more_than_zero, says_no, shortest
from order_system.domain.ids import is_order_id
from order_system.domain.money import circulating_currencies
from order_system.domain.order_file import FileRefused

GUESSED_FROM = 100_000
"""How many bytes of the file are looked at."""
MAX_STATES = 12
"""A column with more different cells has no states, and no more of them are written down."""
_SHARE = r"0?[.,]\d+|[\d.,]+ ?%"
_NO_WORDS = "[^\\x00-\x7f\u0400-\u04ff\u30a0-\u30ff\u4e00-\u9fff]"  # Latin, Cyrillic, katakana, ideographs
_AN_AMOUNT, _A_DATE = KNOWN["unit_price"]["look"], KNOWN["states"]["date"]


def first_profile(url: str, roots: Sequence[str]) -> str:
    """Return TOML, commented wherever a person has to look. Blocks. Raises FileRefused, FileUnreachable."""
    with open_source(url, roots) as source:
        try:
            encoding_of(source, "utf-8", may_be_json=False)  # raises if it is no table
        except FileRefused as refused:
            raise FileRefused(f"{url}: {refused}") from None
        head = source.read(0, GUESSED_FROM)
    whole_lines = head[: head.rfind(b"\n") + 1] or head
    encoding, doubt = likeliest_encoding(whole_lines)
    separator, (header, *rows) = as_table(whole_lines.decode(encoding, "replace"))
    if not header[1:]:
        raise FileRefused(f"{url}: its first line has no columns; take out what stands above the header")
    proper = [row for row in rows if len(row) == len(header)]
    cells = {name.strip(): [row[at].strip() for row in proper] for at, name in enumerate(header)}
    base = next((name for name in built_in_profiles() if _fits(header, name)), None)
    told = ["guessed = true", *([f"base = {_toml(base)}"] if base else [])]
    told += [f"separator = {_toml(separator)}", f"encoding = {_toml(encoding)}{doubt}"]
    told += [_decimal(_amounts(parse_profile(base).columns, cells))] if base else _described(cells)
    return "\n".join([_comment("first").strip(), *told, ""])


def _amounts(columns: Mapping[str, Sequence[str]], cells: Cells) -> str:
    """Return the cells of the amounts, from columns as a profile names them."""
    named = [name for field in ("unit_price", *AMOUNTS) for name in columns.get(field, ())]
    names = {each for name in named for each in (name, *name.removesuffix("?").split("|")) if each in cells}
    return "\n".join(cell for name in names for cell in cells[name])


def _decimal(amounts: str) -> str:
    commas, points = (len(re.findall(rf"\d[{sign}](?!\d{{3}}\b)\d+(?![\d.,])", amounts)) for sign in ",.")
    in_doubt = not (commas or points) and re.search(r"\d(?<!\b0)[.,]\d{3}\b", amounts)
    told = f"decimal = {_toml(',' if commas > points else '.')}"
    return f"# {told}{_comment('thousands')}" if in_doubt else told


def _fits(header: Sequence[str], profile: str) -> bool:
    """Return whether the profile fits. Not every export names a currency: the sample order tells."""
    given = parse_profile(profile)
    try:
        fitted_layout(header, given.model_copy(update={"constants": {"currency": "", **given.constants}}))
    except FileRefused:
        return False
    return True


def _described(cells: Cells) -> Iterator[str]:
    free = {key_of(name): name for name in reversed(cells) if key_of(name)}
    references = (name for key, name in free.items() if _is("reference", "name", key) and any(cells[name]))
    reference = next(references, "")
    paid = _paid_column(cells) or reference
    due = [name for key, name in free.items() if _is("owed", "name", key)]
    owed = next((name for name in due if all_are(_AN_AMOUNT, cells[name])), "")
    states = [name for name in cells if name not in ("", paid, owed, reference) and _tells_state(name, cells)]
    for name in filter(None, {paid, owed, reference, *states}):
        free.pop(key_of(name), None)
    columns, by_look, meaning = columns_of(free, cells)
    prices = _amounts(columns, cells)
    ids = cells[columns["order_id"][0]] if "order_id" in columns else []
    signs = "" if all(map(is_order_id, filter(None, ids))) else f'\nid_replace = "-"{_comment("signs")}'
    included = f'\nincluded = ["tax"]{_comment("included")}' if "tax" in columns else ""
    yield f"{_decimal(prices)}{signs}{included}\n\n[columns]"
    for field, names in columns.items():
        first, doubt = cells[names[0]], "by_look" if field in by_look else ""
        numbers = [shortest(re.sub(r"[^\d.,-]|[.,](?=\d{3}(?!\d))", "", cell)) for cell in first]
        if field in AMOUNTS and (further := _further(ids, numbers)):
            doubt = "on_each_row"
            if any(before != cell for before, cell in further):
                doubt, meaning[field] = "", "per line"
        if field == "discount" and all_are(_SHARE, (cell for cell in first if cell.strip("0.,"))):
            doubt = "share"
        yield f"{field} = {_toml(names if names[1:] else names[0])}{_comment(doubt)}"
    currency = "" if "currency" in columns else _currency(prices)
    for field, (_, required, _) in COLUMNS.items():
        if required and field not in {*columns, currency and "currency", (paid or owed) and "payment_method"}:
            yield f'# {field} = "..."{_comment(f"missing_{field}") or _comment("missing")}'
    used = {"", paid, owed, reference, *states, *(name for names in columns.values() for name in names)}
    yield from (_not_used(name, cells[name], ids) for name in cells if name not in used)
    if meaning:
        yield "\n[meaning]"
        yield from (f"{field} = {_toml(text)}{_comment('meaning')}" for field, text in meaning.items())
    yield "\n[constants]" + (f"\ncurrency = {_toml(currency)}{_comment('currency')}" if currency else "")
    yield from _not_goods_section({name: cells[name] for name in cells if name and name not in states}, ids)
    rest = f"reference = {_toml(reference)}" if reference else f'# reference = "..."{_comment("reference")}'
    rest = f"owed = {_toml(owed)}\n{rest}" if owed else rest
    if paid and not all_are(_AN_AMOUNT, cells[paid]):
        yield from _paid_section(paid, reference, rest, cells[paid])
    elif paid or owed:
        amount = f"amount = {_toml(paid)}\n" if paid else ""
        yield f"\n[paid]{_comment('paid_owed' if owed else 'paid_amount')}\n{amount}{rest}"
    for name in states:
        if "quantity_left" not in columns or not _is("states", "counts", key_of(name)):
            of_line = any(before != cell for before, cell in _further(ids, cells[name]))
            yield from _state_section(name, cells[name], of_line=of_line)


def _paid_section(name: str, reference: str, rest: str, cells: list[str]) -> Iterator[str]:
    """Yield [paid]. It refuses an order in any state that is not known to mean that it is paid."""
    found = _different(cells)
    filled = [cell for cell in cells if not says_no(cell)]
    is_date = name == reference or all_are(_A_DATE, filled)
    paid = ["*"] if is_date else [cell for cell in found if _means_paid(cell, name)]
    done = [cell for cell in found if cell not in paid and _is_done(cell)]
    awaited = [cell for cell in found if cell not in (*paid, *done, *(filled if is_date else ()))]
    yield f"\n[paid]{_comment('paid')}\ncolumn = {_toml(name)}"
    yield f"states = {_toml(paid)}"
    yield f"refuse = {_toml([*awaited, ''])}{_comment('refuse') if awaited else ''}\n{rest}"
    if not is_date:
        yield from _section(name, done, [], [cell for cell in found if cell not in done])


def _not_used(name: str, cells: list[str], ids: list[str]) -> str:
    """A person has to look at what may be of the address or the price, or may tell how an order stands."""
    kinds = {
        "street": _is("street", "alike", key_of(name)),
        "amount": _is("unit_price", "alike", key_of(name))
        or (
            any(map(is_more_than_zero, cells))
            and all_are(_AN_AMOUNT, (re.sub(r"^-|(?<=\d)-$", "", cell) for cell in cells))
        ),
        "state": any(
            _is(*kind, key_of(name)) for kind in (("states", "way"), ("paid", "name"), ("owed", "name"))
        )
        or (not _is("states", "never", key_of(name)) and _may_tell_state(cells, ids)),
    }
    looks = [KNOWN["comments"][f"unused_{kind}"] for kind, found in kinds.items() if found]
    told = f"not used: {_toml(name)}"
    return f"# LOOK, {told}  # {' Or '.join(looks)}" if looks else f"# {told}"


def _may_tell_state(cells: list[str], ids: list[str]) -> bool:
    """Return whether only some orders have it, or it has few different cells that are not dates."""
    orders = ids or list(map(str, range(len(cells))))
    filled = {order for order, cell in zip(orders, cells, strict=True) if cell}
    different, number = len({*cells} - {""}), len(set(orders))
    few = different <= max(min(3, number - 1), min(MAX_STATES, number // 5)) and not all_are(_A_DATE, cells)
    return bool(filled) and (few or len(filled) < number)


def _state_section(name: str, cells: list[str], *, of_line: bool) -> Iterator[str]:
    found = _different(cells)
    yes = [cell for cell in found if _is("paid", "if_named", _plain(cell))]
    if _is("states", "parcel", key_of(name)):
        yield from _section(name, [cell for cell in found if cell not in yes], yes, [], 'of = "all lines"\n')
        return
    if _is("states", "no_parcel", key_of(name)):
        yield from _section(name, ["*"], [cell for cell in found if says_no(cell)], [], 'of = "all lines"\n')
        return
    done = [cell for cell in found if _is_done(cell) or (cell in yes and _is_done(name))]
    others, run = [cell for cell in found if cell not in done], list[str]()
    numbers = [cell for cell in found if cell not in NULLS]
    if all(map(_is_number, numbers)):  # it tells when, or how much
        counts = _is("states", "counts", key_of(name))
        sure = not _is_undone(_plain(name))  # 0 unfulfilled may mean that all is fulfilled
        run = [cell for cell in found if cell in NULLS or (sure and not is_more_than_zero(cell))]
        if _is("states", "rate", key_of(name)):  # where it is not 1, amounts are in the shop's own currency
            run = [cell for cell in numbers if re.fullmatch("1(?:[.,]0*)?", cell)]
        done, others, of_line = [] if counts else ["*"], [], of_line or counts
    yield from _section(name, done, run, others, 'of = "line"\n' if of_line else "")


def _not_goods_section(cells: Cells, ids: list[str]) -> Iterator[str]:
    """Yield [not_goods] for the first column by which some orders seem to have such a row beside others."""
    orders = [*accumulate(ids, lambda before, each: each or before)]
    for name, texts in cells.items():
        kinds = {
            kind: _different(text for text in texts if _is("not_goods", kind, _plain(text)))
            for kind in KNOWN["not_goods"]
        }
        rows, words = [*zip(orders, texts, strict=False)], {*chain.from_iterable(kinds.values())}
        others = {order for order, text in rows if text in words}
        if others and others <= {order for order, text in rows if text not in words}:
            yield f"\n[not_goods]{_comment('not_goods')}\ncolumn = {_toml(name)}"
            yield from (f"{kind} = {_toml(found)}" for kind, found in kinds.items() if found)
            return


def _is_number(cell: str) -> bool:
    """Return whether it is a number, a date, or both: `1Z999` and `EUR 0.00`, but not `(3) Versendet`."""
    words = re.sub(r"^\W*[\d.]+\W+(?=[^\W\d]{4})", "", cell)
    return re.search(r"\d", words) is not None or all_are(_A_DATE, [cell])


def _section(name: str, done: list[str], run: list[str], others: list[str], of: str = "") -> Iterator[str]:
    yield f"\n[[states]]{_comment('states')}\ncolumn = {_toml(name)}"
    yield f"{of}leave_out = {_toml(done)}"
    yield f"run = {_toml(run)}{f'  # which of {_toml(others)}?' if others else ''}"


def _different(cells: Iterable[str]) -> list[str]:
    """Return the different cells that may be shown."""
    return sorted({cell for cell in cells if shown(cell) == cell})[:MAX_STATES]


def _paid_column(cells: Cells) -> str:
    """Return the likeliest column that tells whether an order is paid; blank if there is none."""
    by_cells = [name for name in cells if name and any(_means_paid(cell, name) for cell in cells[name])]
    named = [name for name in cells if _is("paid", "name", key_of(name))]
    return next(iter([*(name for name in by_cells if name in named), *by_cells, *named]), "")


def _means_paid(cell: str, name: str) -> bool:
    named = _is("paid", "name", key_of(name)) and not _is("paid", "unpaid_name", key_of(name))
    said = _is("paid", "yes", _plain(cell)) and not _is("states", "undone", _plain(cell))
    return said or (named and _is("paid", "if_named", _plain(cell)))


def _tells_state(name: str, cells: Cells) -> bool:
    """Return whether a column tells how orders stand, by its name or else by its cells."""
    known = {key_of(each) for field in COLUMNS for each in KNOWN[field]["names"]}
    a_done = rf"(?:wc )?(?:{KNOWN['states']['done']})\w*"
    named = _is("states", "name", key_of(name)) or re.fullmatch(rf"{a_done}(?: \w\w?)?", _plain(name))
    if named and key_of(name) not in known:
        return True
    found = set(map(_plain, cells[name]))
    one_done = rf"{a_done}(?: \w+)?"
    is_product = key_of(name) in map(key_of, KNOWN["sku"]["names"])
    return len(found) <= MAX_STATES and not is_product and any(re.fullmatch(one_done, cell) for cell in found)


def _is_done(text: str) -> bool:
    plain = _plain(text)
    return (_is("states", "refunded", plain) or _is("states", "done", plain)) and not _is_undone(plain)


def _is_undone(plain: str) -> bool:
    """Return whether it says that something is not done. A refund of a part is one."""
    return _is("states", "negated" if _is("states", "refunded", plain) else "undone", plain)


def _is(section: str, kind: str, text: str) -> bool:
    return re.search(unicodedata.normalize("NFKD", KNOWN[section][kind]), text) is not None


def _further(ids: Sequence[str], cells: Sequence[str]) -> list[tuple[str, str]]:
    """Return the filled cells of all rows except each order's first, each with the cell before."""
    rows = zip(ids, ids[1:], cells, cells[1:], strict=False)
    return [(before, cell) for one, other, before, cell in rows if one == other and cell]


def _currency(prices: str) -> str:
    """Return the currency that stands at the amounts; blank if there is none, or several."""
    signs = set(re.findall(r"[^\d\s.,:%'\u2019()+-]+", prices))
    codes = {KNOWN["currency"]["signs"].get(sign, sign.upper()) for sign in signs}
    return codes.pop() if len(codes) == 1 and codes <= set(circulating_currencies()) else ""


def _comment(of: str) -> str:
    return f"  # {text}" if (text := KNOWN["comments"].get(of)) else ""


def _toml(value: str | list[str]) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _plain(cell: str) -> str:
    """Return the cell in small letters, without accents, with a blank between words. Of letters that are not
    Latin, those remain that `column_names.toml` has words of."""
    letters = re.sub(_NO_WORDS, "", unicodedata.normalize("NFKD", cell.casefold()))
    return re.sub(r"[\W_]+", " ", letters).strip()
