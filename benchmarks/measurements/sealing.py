"""What does sealing cost a worker? The same orders by two workers in turns: one without keys, and one with a
file of keys."""

import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from temporalio.client import Client

from benchmarks.tools.figures import Result
from benchmarks.tools.stage import open_stage
from benchmarks.tools.workers import Scale, as_they_ran, in_turns, more_with
from order_system.infra.sealing.codec import SealingCodec
from order_system.infra.sealing.ring import KeyFile
from order_system.infra.temporal.conversion import SealedFailures

OFF, ON = "off", "sealing"


async def measure(scale: Scale, say: Callable[[str], None]) -> Result:
    """Raises BenchmarkFailed."""
    with tempfile.TemporaryDirectory(prefix="order-benchmark-") as folder:
        keys = KeyFile(Path(folder) / "keys")
        keys.add()
        async with AsyncExitStack() as opened:
            clear = await opened.enter_async_context(open_stage(Path(folder) / OFF))
            stage = open_stage(Path(folder) / ON, keys=str(keys.path))
            sealed = await opened.enter_async_context(stage)
            stages = {OFF: clear, ON: replace(sealed, temporal=_sealing(sealed.temporal, keys))}
            ran = await in_turns(stages, scale, "SEALING")
    say(f"  {scale.turns} crowds of {scale.crowd} orders by each worker")
    return Result(
        "sealing",
        f"crowds of {scale.crowd} orders of two lines in turns, {scale.in_flight} under way, {scale.turns} "
        "by each worker; no faults, no latency; each worker has a server of its own; the audits are clean",
        [more_with(ON, OFF, ran, scale, at_most=1.10)],
        as_they_ran(ran),
    )


def _sealing(temporal: Client, keys: KeyFile) -> Client:
    given = temporal.config()
    given["data_converter"] = replace(
        given["data_converter"], payload_codec=SealingCodec(keys), failure_converter_class=SealedFailures
    )
    return Client(**given)
