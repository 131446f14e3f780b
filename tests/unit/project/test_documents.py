"""The documents agree with the code: tables, paths and links."""

import re
import tomllib
from pathlib import Path

import pytest

from order_system.gateways.simulated.faults import DEFAULT_FAULTS, FaultRates
from order_system.gateways.simulated.scenarios import SCENARIOS, Scenario
from order_system.infra.settings import PREFIX, Settings

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DECISIONS = ROOT / "docs" / "adr"
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

_LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)\s]+)\)")


def section(heading: str) -> str:
    """What stands between this heading and the next one of its level or above."""
    level = heading.split(maxsplit=1)[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", README, re.M | re.S)
    assert found, f"README.md has no heading {heading!r}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of a table's rows, without its head; table after table."""
    cells = [
        [cell.strip() for cell in line.strip("|").split(" |")]
        for line in text.splitlines()
        if line[:1] == "|"
    ]
    heads = [number - 1 for number, row in enumerate(cells) if set("".join(row)) <= set("- ")]
    return [row for number, row in enumerate(cells) if number not in heads and number - 1 not in heads]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def what_is_seen(scenario: Scenario) -> str:
    seen = scenario.status.replace("_", " ")
    if seen == "failed":
        seen += f" at {scenario.failed_step}"
    return f"{seen}, with a note" if scenario.notice_fails else seen


def tokens_of(scenario: Scenario) -> dict[str, str]:
    hold = scenario.hold_on_failure
    return {**scenario.tokens, **({"hold_on_failure": hold} if hold else {})}


def test_the_table_of_scenarios_is_complete() -> None:
    expected = [
        [
            f"`{scenario.name}`",
            ", ".join(f"{field} `{token}`" for field, token in tokens_of(scenario).items()),
            scenario.story,
            what_is_seen(scenario),
        ]
        for scenario in SCENARIOS.values()
    ]
    assert expected == rows(section("## Stories to play"))


def test_every_setting_is_listed_with_its_default() -> None:
    def shown(default: object) -> str:
        if default is None:
            return ""
        if isinstance(default, tuple):
            default = ",".join(default)
        return f"`{str(default).lower() if isinstance(default, bool) else default}`"

    expected = {
        f"`{PREFIX}{name.upper()}`": shown(field.default) for name, field in Settings.model_fields.items()
    }
    listed = rows(section("## Settings"))
    assert expected == {name: default for name, default, _meaning in listed}


def test_the_default_fault_rates_are_as_shown() -> None:
    [shown] = blocks(section("## Settings"), "toml")
    assert FaultRates.model_validate(tomllib.loads(shown)) == DEFAULT_FAULTS


def test_the_directory_map_names_what_exists() -> None:
    [listing] = blocks(section("## Where things are"), "text")
    paths = [path for line in listing.splitlines() for path in re.split(r"\s{2,}", line)[0].split()]
    assert len(paths) > 30
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_commands_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.M)) <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_links_to_local_files_resolve(document: Path) -> None:
    targets = [link.partition("#")[0] for link in _LINK.findall(document.read_text(encoding="utf-8"))]
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_every_decision_is_in_the_index_and_short() -> None:
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    records = sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")
    assert records
    for number, record in enumerate(records, 1):
        text = record.read_text(encoding="utf-8")
        title = text.splitlines()[0].removeprefix("# ")
        assert title.startswith(f"{number:04}. ")
        assert f"[{number:04}]({record.name}) | {title.partition('. ')[2]} |" in index
        assert len(text.splitlines()) <= 40
