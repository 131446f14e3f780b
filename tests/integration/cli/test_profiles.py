"""`--profile`: a built-in one by its name, or one's own as a file."""

from pathlib import Path

from tests.fixtures.processes.command_line import ROOT, starter
from tests.fixtures.processes.shop_commands import Env

EXPORT = str(ROOT / "examples" / "shopify_orders_export.csv")


def test_a_profile_is_named_or_a_file(no_server: Env, tmp_path: Path) -> None:
    own = tmp_path / "shop.toml"
    own.write_text('base = "shopify"\nid_prefix = "shopA-"\n', encoding="utf-8")
    for profile in ("shopify", str(own)):
        plan = starter("batch", "plan", EXPORT, "--profile", profile, "--json", env=no_server)
        assert plan.code == 0, plan.err
        assert plan.document["by_status"] == {"new": 3}
    unknown = starter("batch", "plan", EXPORT, "--profile", "shopifi", env=no_server)
    assert (unknown.code, "did you mean shopify?" in unknown.err) == (2, True)
