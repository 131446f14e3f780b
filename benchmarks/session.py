"""One run of benchmarks: what is measured, where the results go, and the exit code that tells of them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from benchmarks.output import report
from benchmarks.tools.figures import Result, Row
from benchmarks.tools.machine import machine

HOLDS, BROKEN, MISUSED, INTERRUPTED = 0, 1, 2, 130
PLAIN_WIDTH = 160

Measurement = Callable[[], Awaitable[Result]]


@Parameter(name="*")
@dataclass(frozen=True)
class Output:
    """Where the results go besides the terminal."""

    as_json: Annotated[
        Path | None, Parameter(name="--json", help="A file for figures and samples, for programs.")
    ] = None
    markdown: Annotated[
        Path | None,
        Parameter(
            help="A document to write them into, at the place that it has marked for each benchmark; plots "
            "go into its folder `images`."
        ),
    ] = None


TERMINAL_ALONE = Output()


async def run(measurements: dict[str, Measurement], output: Output) -> int:
    """Each result is shown as soon as it is there. Raises BenchmarkFailed, InvalidUsage."""
    _check(list(measurements), output)
    on, results = machine(), list[Result]()
    for name, measure in measurements.items():
        say(f"{name}: measuring")
        results.append(await measure())
        _tell(on, results, output)  # at once, in case that the next one fails
    return HOLDS if all(result.holds for result in results) else BROKEN


def publish(on: Row, result: Result, output: Output) -> int:
    """What needed no measuring; `on` is the machine that its figures are from. Raises InvalidUsage."""
    _check([result.benchmark], output)
    _tell(on, [result], output)
    return HOLDS


def _check(benchmarks: Sequence[str], output: Output) -> None:
    if output.markdown is not None:
        report.check_markdown(output.markdown, benchmarks)
    if output.as_json is not None:
        report.check_json(output.as_json)


def _tell(on: Row, results: Sequence[Result], output: Output) -> None:
    """The last of the results is new."""
    _console(stderr=False).print(report.view(results[-1]))
    if output.as_json is not None:
        report.write_json(output.as_json, on, results)
    if output.markdown is not None:
        report.write_markdown(output.markdown, on, results[-1])


def say(message: str) -> None:
    _console(stderr=True).print(message, style="dim", soft_wrap=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console
