"""Sample orders of a file, as a run reads them. A person compares them with the file before the first run."""

from collections.abc import Iterator

from order_system.batches.files import OrderFiles
from order_system.domain.money import format_amount
from order_system.domain.order import Order
from order_system.domain.order_file import FileRef
from order_system.domain.payment_methods import made_elsewhere, reference_of

LOOKED_AT = 100_000
"""The most bytes of the file that are read to find an order that can be run."""


async def sample_of(files: OrderFiles, file: FileRef) -> list[str]:
    """Describe the first order that can be run, and another with several lines or a discount if the first has
    neither. If the beginning of the file has no order that can be run, tell why its first one cannot.

    Raises FileChanged, FileRefused, FileUnreachable."""
    page = await files.read_page(file, max_bytes=LOOKED_AT)
    if not page.orders:
        return [page.problems[0].reason]
    first, *others = (each.order for each in page.orders)
    more = next((order for order in others if _shape(order) > _shape(first)), None)
    told = list(_in_words(first))
    if more:
        told += ["and one with several lines, or a discount:", *_in_words(more)]
    return told


def _shape(order: Order) -> tuple[bool, bool]:
    return len(order.lines) > 1, order.discount > 0


def _in_words(order: Order) -> Iterator[str]:
    address, customer = order.shipping_address, order.customer
    place = (address.street, address.city, address.region, address.postal_code, address.country)
    reference, made = reference_of(order.payment_method), made_elsewhere(order.payment_method)
    paid = f"is {made} already by {reference}" if made else f"pays by {order.payment_method}"
    yield f"{order.order_id}: {customer.name}, {customer.email}, {paid}"
    yield f"to {', '.join(filter(None, place))}"
    for line in order.lines:
        yield f"{line.quantity:,} x {line.sku} at {format_amount(line.unit_price, order.currency)}"
    for name in ("shipping_fee", "tax", "discount", "total"):
        if amount := getattr(order, name):
            yield f"{name.replace('_', ' ')} {format_amount(amount, order.currency)}"
