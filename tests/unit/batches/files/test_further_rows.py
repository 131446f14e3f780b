"""A further row that says nothing of its order but the ID is read by a shorter way, to the same fields."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from order_system.batches.files import COLUMNS, load_profile, parse_profile
from order_system.batches.files.layouts import fitted_layout
from order_system.domain.order_profile import Profile

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
