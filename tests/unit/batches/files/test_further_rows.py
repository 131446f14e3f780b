"""A further row that says nothing of its order but the ID is read by a shorter way, to the same fields."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from order_system.batches.files import COLUMNS, load_profile, parse_profile
from order_system.batches.files.layouts import fitted_layout
from order_system.domain.order_profile import Profile
from tests.fixtures.documents.order_files import csv_text, further_row, read, row

OF_ONE_COLUMN_AND_SEVERAL = """
[columns]
order_id = "No"
currency = "Money"
customer_name = "Who"
region = "Name"
customer_email = ["Mail", "Other mail"]
payment_method = "Pay"
street = "Street"
city = "City"
country = "Country"
sku = ["Item", "Done", "Size"]
item_name = ["Name", "Street"]
quantity = "Item"
unit_price = "Price"
tax = ["Tax", "Other tax"]
[otherwise]
street = "Bill to"
sku = "Bill item"
[[states]]
column = "Done"
of = "line"
run = ["*"]
"""
BUILT_IN = [load_profile(name) for name in ("shopify", "woocommerce", "amazon", "square")]
PROFILES = [*BUILT_IN, parse_profile(OF_ONE_COLUMN_AND_SEVERAL), Profile()]


def header_of(profile: Profile) -> list[str]:
    """All columns that it names, or our own."""
    names = [name for columns in (*profile.columns.values(), *profile.otherwise.values()) for name in columns]
    names += [name for state in profile.states for name in (state.column, state.date) if name]
    if paid := profile.paid:
        names += [*paid.column, *paid.or_else, *paid.reference, *filter(None, (paid.owed, paid.amount))]
    return list(dict.fromkeys(name.removesuffix("?").partition("|")[0] for name in names)) or list(COLUMNS)


@given(
    profile=st.sampled_from(PROFILES),
    filled=st.dictionaries(
        st.integers(0, 40), st.sampled_from(["#7", "x y", "R&amp;D", "'+1", " 1 "]), max_size=7
    ),
)
@example(PROFILES[4], {0: "7", 10: "x", 11: "done"})  # a part of a SKU that is a state of the line, too
@example(PROFILES[4], {0: "7", 3: "Mug"})
@settings(max_examples=200)
def test_where_all_else_is_blank_a_row_is_read_as_if_it_were_not(
    profile: Profile, filled: dict[int, str]
) -> None:
    header = header_of(profile)
    layout = fitted_layout(header, profile)
    cells = [filled.get(place, "") for place in range(len(header))]
    not_quite_blank = [cell or " " for cell in cells]
    shortly, at_length = (layout.pick(each, ",".join(each)) for each in (cells, not_quite_blank))
    assert list(shortly.items()) == list(at_length.items())


LOOKS_THE_SAME = ["A-1\u200b", "\ufeffA-1", "A\u20111", "\uff21-1", "A-\uff11", "A-1\u00a0"]


@pytest.mark.parametrize("spelled", LOOKS_THE_SAME)
def test_an_id_that_looks_the_same_on_the_next_row_is_of_the_same_order(tmp_path: Path, spelled: str) -> None:
    """Else the first line would be charged and shipped without the second, which is refused."""
    found = read(tmp_path, csv_text(row("A-1"), further_row(spelled), row("A-2")))
    assert found.ids == ["A-1", "A-2"]
    assert len(found.order("A-1").lines) == 2


@pytest.mark.parametrize("spelled", LOOKS_THE_SAME)
def test_such_an_id_further_down_stands_apart(tmp_path: Path, spelled: str) -> None:
    assert read(tmp_path, csv_text(row("A-1"), row("A-2"), row(spelled, sku="B"))).ids == ["A-2"]


def test_with_a_profile_such_an_id_is_refused_as_one_that_becomes_the_same(tmp_path: Path) -> None:
    columns = "".join(f'\n{name} = "{name}"' for name in COLUMNS)
    content = csv_text(row("A-1"), further_row("A-1\u200b"), row("A-2"))
    found = read(tmp_path, content, profile=parse_profile(f'id_prefix = "s-"\n[columns]{columns}'))
    assert found.ids == ["s-A-2"]
    assert "line 3, order_id: is not the ID of line 2, and becomes the same one" in found.reasons[0]
