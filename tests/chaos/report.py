"""What a run did, for people: on the terminal, and as docs/reliability.md."""

from collections import Counter

from tests.chaos.checks import Judgement, needed_attention
from tests.chaos.director import Run


def as_text(run: Run, judgement: Judgement, missing: list[str]) -> str:
    fired = Counter(entry.blow for entry in run.fired)
    others = Counter(entry.what for entry in run.arena.entries.entries if entry.what != "fired")
    lines = [
        f"{len(run.plan.orders)} orders in {run.seconds:.0f} s, {run.arena.starts} worker starts",
        f"submissions: {judgement.audit.submissions}",
        f"effects: {judgement.audit.effects}",
        f"fired: {dict(fired)}",
        f"besides: {dict(others)}",
        f"needed attention: {len(needed_attention(run))}, in doubt: {len(judgement.audit.in_doubt)}",
        f"{judgement.executions} workflows, {judgement.histories} histories replayed",
        *(f"NOT TRIED: {line}" for line in missing),
        *(f"BROKEN: {line}" for line in judgement.broken),
        f"{len(judgement.broken)} broken, {len(missing)} not tried",
    ]
    return "\n".join(lines)


def as_document(run: Run, judgement: Judgement) -> str:
    return as_text(run, judgement, [])
