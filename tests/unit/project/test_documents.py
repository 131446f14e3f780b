"""The documents agree with the code: tables, paths, links and headings."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from order_system.batches.files import COLUMNS, built_in_profiles, parse_profile
from order_system.cli.app import app
from order_system.cli.batches.commands import batch
from order_system.domain.steps import Step
from order_system.gateways.simulated.faults import DEFAULT_FAULTS, GatewayRates
from order_system.gateways.simulated.scenarios import SCENARIOS, Scenario
from order_system.infra.settings import PREFIX, Settings

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
DECISIONS = DOCS / "adr"
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]

README_LINES, README_WORDS = 200, 1_500

_LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.M | re.S)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def section(page: Path, heading: str) -> str:
    """What stands between this heading and the next one of its level or above."""
    level = heading.split(maxsplit=1)[0]
    found = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", text_of(page), re.M | re.S
    )
    assert found, f"{page.name} has no heading {heading!r}"
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


def links(page: Path) -> list[str]:
    """To files of ours, and to headings."""
    return _LINK.findall(text_of(page))


def anchors(page: Path) -> set[str]:
    """What a link may name behind its `#`: the headings, as GitHub spells them."""
    seen: Counter[str] = Counter()
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", _FENCED.sub("", text_of(page)), re.M):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found


def what_is_seen(scenario: Scenario) -> str:
    seen = scenario.status.replace("_", " ")
    if seen == "failed":
        seen += f" at {scenario.failed_step}"
    return f"{seen}, with a note" if scenario.notice_fails else seen


def tokens_of(scenario: Scenario) -> dict[str, str]:
    fields = {"hold_on_failure": scenario.hold_on_failure, "capture": scenario.capture}
    return {**scenario.tokens, **{name: value for name, value in fields.items() if value}}


def test_the_table_of_scenarios_is_complete() -> None:
    expected = [
        [
            f"`{name}`",
            ", ".join(f"{field} `{token}`" for field, token in tokens_of(scenario).items()),
            scenario.story,
            what_is_seen(scenario),
        ]
        for name, scenario in SCENARIOS.items()
    ]
    assert expected == rows(section(DOCS / "scenarios.md", "## Scenarios"))


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
    listed = rows(section(DOCS / "settings.md", "## Variables"))
    assert expected == {name: default for name, default, _meaning in listed}


def test_the_default_fault_rates_are_as_shown() -> None:
    [shown] = blocks(section(DOCS / "settings.md", "## Fault rates"), "toml")
    rates = TypeAdapter(dict[Step, GatewayRates]).validate_python(tomllib.loads(shown))
    assert rates == DEFAULT_FAULTS


def test_every_column_of_a_file_is_listed() -> None:
    listed = rows(section(DOCS / "files.md", "## What a file may be"))
    expected = [
        [f"`{name}`", "yes" if required else ""] for name, (_place, required, _note) in COLUMNS.items()
    ]
    assert [row[:2] for row in listed] == expected


def test_every_built_in_profile_has_its_how_to() -> None:
    listed = rows(section(DOCS / "files.md", "## Built-in profiles"))
    assert sorted(row[0] for row in listed) == [f"[`{name}`](#{name})" for name in built_in_profiles()]


def test_the_example_of_a_profile_is_one() -> None:
    example, addition = blocks(text_of(DOCS / "files.md"), "toml")
    assert parse_profile(example).states[-1].leave_out[:2] == ("shipped", "cancelled")
    assert len(parse_profile(addition).states) == len(parse_profile("shopify").states)


def test_every_command_is_listed() -> None:
    commands = {name for name in app if not name.startswith("-")}
    of_batches = {name for name in batch if not name.startswith("-")}
    assert commands == set(re.findall(r"^\| `starter.py ([a-z-]+)", text_of(DOCS / "running.md"), re.M))
    assert of_batches == set(re.findall(r"`batch ([a-z]+)", section(DOCS / "batches.md", "## Commands")))


def paths_in(tree: str) -> Iterator[Path]:
    """Of a tree: what is in a folder is indented by two more; names that share a line are one space apart."""
    folders: list[str] = []
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.split(r"\s{2,}", line.strip())[0].split()
        yield from (Path(*folders[:depth], name) for name in names)
        if names[0].endswith("/"):
            folders[depth:] = [names[0]]


def test_the_tree_names_what_exists() -> None:
    [tree] = blocks(section(DOCS / "architecture.md", "## The tree"), "text")
    paths = list(paths_in(tree))
    assert len(paths) > 100
    assert [str(path) for path in paths if not (ROOT / path).exists()] == []


def test_the_tree_names_every_package_and_every_workflow() -> None:
    [tree] = blocks(section(DOCS / "architecture.md", "## The tree"), "text")
    packages = {path.parent for path in (ROOT / "order_system").glob("*/__init__.py")}
    modules = {
        module
        for folder in ("workflows", "activities")
        for module in (ROOT / folder).glob("*.py")
        if module.name != "__init__.py"
    }
    assert packages | modules <= {ROOT / path for path in paths_in(tree)}


def test_the_readme_names_every_package() -> None:
    told = section(README, "## Where things are")
    packages = sorted(path.parent.name for path in (ROOT / "order_system").glob("*/__init__.py"))
    assert [name for name in packages if f"{name}/" not in told] == []


def test_the_readme_is_short() -> None:
    text = text_of(README)
    assert len(text.splitlines()) <= README_LINES
    assert len(text.split()) <= README_WORDS


def test_the_index_lists_every_page() -> None:
    pages = {path.name for path in DOCS.glob("*.md")} - {"README.md"} | {"adr/README.md"}
    listed = links(DOCS / "README.md")
    assert pages <= set(listed)
    assert [link for link, times in Counter(listed).items() if times > 1] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_commands_of_make_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.M))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text_of(document), re.M)) <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_links_resolve(document: Path) -> None:
    def leads_nowhere(link: str) -> bool:
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        return not target.exists() or (anchor != "" and anchor not in anchors(target))

    assert [link for link in links(document) if leads_nowhere(link)] == []


def test_every_decision_is_in_the_index_and_short() -> None:
    index = text_of(DECISIONS / "README.md")
    records = sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")
    assert records
    for number, record in enumerate(records, 1):
        text = text_of(record)
        title = text.splitlines()[0].removeprefix("# ")
        assert title.startswith(f"{number:04}. ")
        assert f"[{number:04}]({record.name}) | {title.partition('. ')[2]} |" in index
        assert len(text.splitlines()) <= 40
