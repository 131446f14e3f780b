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
    ("country", "postal_code", "digits"),
    [
        ("US", "2134-0001", "five"), ("US", "501", "five"), ("DE", "4.109", "five"), ("PL", "950", "five"),
        ("NO", "150", "four"), ("AU", "800", "four"), ("ZA", "1", "four"), ("RO", "10011", "six"),
        ("SG", "18956", "six"), ("JP", "600001", "seven"), ("BR", "1310100", "eight"), ("LT", "1103", "five"),
    ],
)  # fmt: skip
def test_a_postal_code_without_its_first_zeros_is_refused(
    country: str, postal_code: str, digits: str
) -> None:
    problem = told(row(country=country, region="", postal_code=postal_code))
    assert isinstance(problem, str)
    assert problem.startswith(f"line 2, postal_code: must have {digits} digits in {country}; export it")


@pytest.mark.parametrize(
    ("country", "postal_code"),
    [
        ("PL", "00-950"), ("NO", "0150"), ("JP", "060-0001"), ("BR", "01310-100"), ("LT", "LT-01103"),
        ("US", "02134-0001"), ("CH", "8001"), ("FO", "100"), ("IS", "101"), ("AU", "0800"), ("DE", "D-04109"),
    ],
)  # fmt: skip
def test_a_whole_postal_code_is_one(country: str, postal_code: str) -> None:
    assert isinstance(told(row(country=country, region="", postal_code=postal_code)), Order)


@pytest.mark.parametrize(
    "changes",
    [
        {"customer_name": "J***n D**"},
        {"street": "****"},
        {"street": "12 O*****"},
        {"street": "N/A"},
        {"street": "null"},
        {"street": "-"},
        {"street": "(blank)"},
        {"street": "0"},
        {"city": "0"},
        {"city": "Null"},
        {"customer_name": "n/a"},
        {"customer_name": "undefined"},
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
        {"city": "-", "country": "SG", "postal_code": "018956"},
        {"customer_name": "."},
        {"city": "\u6d25"},
        {"country": "CA", "postal_code": "K1A 0B1"},
        {"country": "IN", "postal_code": "462011"},
        {"country": "DE", "postal_code": "19801"},
    ],
)
def test_a_short_or_unusual_address_is_one(changes: dict[str, str]) -> None:
    assert isinstance(told(row(**changes)), Order)
