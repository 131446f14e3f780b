"""A parcel goes to a place: countries are read as people write them, and what only fills a cell is none."""

import pytest

from order_system.batches.files.spellings import country_code
from order_system.domain.order import Order
from tests.fixtures.documents.order_files import row
from tests.unit.batches.files.test_spellings import told


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("US", "US"), ("us", "US"), ("USA", "US"), ("U.S.A.", "US"), ("United States", "US"), ("GBR", "GB"),
        ("United Kingdom (UK)", "GB"), ("Samoa (American)", "AS"), ("Iran (Islamic Republic of)", "IR"),
        ("Saint Martin (Dutch part)", "Saint Martin (Dutch part)"), ("Sudan (South)", "SS"),
        ("Korea, Republic of", "KR"), ("\u65e5\u672c", "JP"), ("Suomi", "FI"),
        ("united kingdom", "GB"), ("UK", "GB"), ("Deutschland", "DE"), ("BRASIL", "BR"), ("MEX", "MX"),
        ("M\u00e9xico", "MX"), ("Mexico", "MX"), ("C\u00f4te d'Ivoire", "CI"),
        ("Bosnia and Herzegovina", "BA"), ("Turkey", "TR"),
        ("Czech Republic", "CZ"), ("The Netherlands", "NL"), ("NLD", "NL"), ("Kosovo", "XK"),
        ("European Union", "European Union"), ("Atlantis", "Atlantis"), ("ZZ", "ZZ"), ("", ""),
        ("MI", "MI"), ("NH", "NH"), ("CT", "CT"), ("PZ", "PZ"),  # states, in another column
    ],
)  # fmt: skip
def test_countries(text: str, code: str) -> None:
    assert country_code(text) == code


@pytest.mark.parametrize(("country", "postal_code"), [("CA", "90001"), ("IN", "46201-1234"), ("PA", "19104")])
def test_a_state_of_the_us_is_no_country(country: str, postal_code: str) -> None:
    """California, not Canada: the column is another one, or the cells are a column too far."""
    problem = told(row(country=country, region="", postal_code=postal_code))
    assert isinstance(problem, str)
    assert problem.startswith("line 2, country: has no such postal codes; if it is a state of the US")


@pytest.mark.parametrize(
    "changes",
    [
        {"customer_name": "J***n D**"},
        {"street": "****"},
        {"street": "12 O*****"},
        {"street": "N/A"},
        {"street": "null"},
        {"street": "-"},
        {"city": "P******d"},
    ],
)
def test_what_is_hidden_or_filled_up_is_no_address(changes: dict[str, str]) -> None:
    """Marketplaces hide an address after a while, and still write a line of it."""
    problem = told(row(**changes))
    assert isinstance(problem, str)
    assert "is hidden, or only fills the cell; put in what belongs there" in problem


@pytest.mark.parametrize(
    "changes",
    [
        {"customer_name": "Null Island Ltd."},
        {"customer_name": "O"},
        {"street": "5"},
        {"street": "12 Oak St ** ring twice **"},
        {"city": "Y"},
        {"region": "-"},
        {"city": "-", "country": "SG"},
        {"customer_name": "."},
        {"city": "\u6d25"},
        {"country": "CA", "postal_code": "K1A 0B1"},
        {"country": "IN", "postal_code": "462011"},
        {"country": "DE", "postal_code": "19801"},
    ],
)
def test_a_short_or_unusual_address_is_one(changes: dict[str, str]) -> None:
    assert isinstance(told(row(**changes)), Order)
