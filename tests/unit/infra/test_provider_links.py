"""A link to the provider's own page, by a template that is a setting."""

import pytest

from order_system.domain.errors import InvalidSettings
from order_system.domain.steps import Step
from order_system.infra.settings import load_settings


def test_a_template_is_filled_in_and_nothing_breaks_out_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_PAYMENTS_LINK", "https://pay.example/search?q={reference}&order={order_id}")
    monkeypatch.setenv("ORDER_CARRIER_LINK", "https://carrier.example/track/{tracking_number}")
    links = load_settings()

    filled = links.link_of(Step.PAYMENT, reference="ch_1/../?a=b&c", order_id="A-1")
    assert filled == "https://pay.example/search?q=ch_1%2F..%2F%3Fa%3Db%26c&order=A-1"
    assert links.link_of(Step.PAYMENT, order_id="A-1") is None, "the charge's ID is not known"
    assert links.link_of(Step.SHIPPING, tracking_number="TRK 1") == "https://carrier.example/track/TRK%201"
    assert links.link_of(Step.INVENTORY, reference="r") is None, "no template is set"
    assert links.link_of(Step.NOTIFICATION, reference="m") is None


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("javascript:alert({reference})", "it is not understood. Expected: a payment's page"),
        ("https://pay.example/{charge}", "in braces may stand reference, tracking_number, order_id, key"),
        ("https://pay.example/{reference", "in braces may stand"),
        ("https://pay.example/{}", "in braces may stand"),
        ("https://pay.example:99999/{reference}", "invalid port number"),
    ],
)
def test_what_is_no_template_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, template: str, told: str
) -> None:
    monkeypatch.setenv("ORDER_PAYMENTS_LINK", template)

    with pytest.raises(InvalidSettings) as refused:
        load_settings()
    assert str(refused.value).startswith(f"ORDER_PAYMENTS_LINK={template}: {told}")
    assert "\n" not in str(refused.value)
