"""Whose end is announced: of each order that an activity may have closed, by the names the server knows."""

from temporalio import activity

from activities.answers import AnswerActivities
from activities.reconciliation import ReconciliationActivities
from activities.shipping import ShippingActivities
from order_system.attention.announcing import _MAY_CLOSE  # pyright: ignore[reportPrivateUsage]
from order_system.domain.steps import UNDOS


def test_each_activity_after_which_an_order_may_be_closed_is_called_so() -> None:
    owners = (AnswerActivities, ReconciliationActivities, ShippingActivities)
    methods = [getattr(owner, name) for owner in owners for name in dir(owner)]
    defined = {found.name for each in methods if (found := activity._Definition.from_callable(each))}  # pyright: ignore
    assert _MAY_CLOSE - {undo.activity for undo in UNDOS.values()} <= defined
