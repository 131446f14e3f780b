"""What people read where the output takes ASCII alone, as in a container without a locale."""

import io

from rich.console import Console

from order_system.audit.report import AuditReport, Check
from order_system.cli.book import audit_view
from order_system.cli.ending import never_fails_to_encode
from order_system.cli.views import order_tree
from tests.unit.cli.test_views import NOON, undone_order


def test_marks_can_be_told_apart() -> None:
    checks = (
        Check(name="charged once", holds=True, violations=(), cure=""),
        Check(name="nobody is owed", holds=False, violations=("Jürgen",), cure="look"),
    )
    report = AuditReport(
        checks=checks, open_submissions=(), in_doubt=(), handled=(), refunds=(), submissions={}, effects={}
    )
    out = io.TextIOWrapper(io.BytesIO(), "ascii")
    never_fails_to_encode(out)
    console = Console(file=out, width=120)
    console.print(audit_view(report))
    console.print(order_tree(undone_order(), NOON))
    out.seek(0)
    said = out.read()
    assert "\n+ charged once\nx nobody is owed\n    J?rgen\n" in said
    assert "payment      + completed   312 ms  <- refunded 1,059.97 USD" in said
    assert said.count("?") == 1
