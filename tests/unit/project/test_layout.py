"""The house: which packages there are, and how large a file and a function may be."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
PRODUCT = ("order_system", "workflows", "activities")
MAX_LINES_OF_A_FILE = 300
MAX_LINES_OF_A_FUNCTION = 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            yield node


def test_every_package_has_its_place_among_the_layers() -> None:
    """A layers contract does not notice a package that it does not name."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    [layers] = [each["layers"] for each in contracts["contracts"] if each["type"] == "layers"]
    placed = {name for layer in layers for name in re.split(r"\s*[|:]\s*", layer)}
    there = {
        f"order_system.{path.stem}"
        for path in (ROOT / "order_system").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert there - {"order_system.__init__"} == {name for name in placed if name.startswith("order_system.")}
    assert len(there) <= 16


def test_every_package_says_what_it_is() -> None:
    silent = [
        str(path.parent.relative_to(ROOT))
        for path in python_files(*PRODUCT)
        if path.name == "__init__.py" and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_files_and_functions_can_be_read_at_once() -> None:
    long_files = {
        str(path.relative_to(ROOT)): lines
        for path in python_files(*PRODUCT, "tests", "benchmarks", "examples")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_LINES_OF_A_FILE
    }
    long_functions = {
        f"{path.relative_to(ROOT)}:{function.name}": lines
        for path in python_files(*PRODUCT)
        for function in functions(path)
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > MAX_LINES_OF_A_FUNCTION
    }
    assert (long_files, long_functions) == ({}, {})


def test_what_pages_and_api_repeat_has_no_words_of_the_command_line() -> None:
    """Messages of these packages reach a terminal, a page and a program alike. Whoever knows the place adds
    what may be typed there."""
    repeated = ("domain", "intake", "orders", "batches", "reconciliation", "attention/client.py")
    words = re.compile(r"(^|\s)--[a-z]|starter\.py|worker\.py")
    found = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for name in repeated
        for path in (python_files(f"order_system/{name}") or [ROOT / "order_system" / name])
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise | ast.Return | ast.Assign)
        for text in ast.walk(node)
        if isinstance(text, ast.Constant) and isinstance(text.value, str) and words.search(text.value)
    }
    assert found == set()


def test_what_asks_the_server_past_the_sdks_own_methods_asks_again() -> None:
    """A server closes each connection after five minutes, with the call that it meets then. The SDK's own
    methods try again; a bare call, which names its time-out as `timeout`, has to say so."""
    once = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in python_files("order_system")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for named in [{each.arg: ast.unparse(each.value) for each in node.keywords}]
        if named.get("timeout", "").endswith("policy.RPC") and named.get("retry") != "True"
    }
    assert once == set()
