"""Every recorded history still replays: orders under way survive the next release."""

import json
from collections.abc import AsyncIterator

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from tests.replay.record import BATCH, HISTORIES, OURS, STORIES
from workflows.registry import WORKFLOWS

RECORDED = {
    str(file.relative_to(HISTORIES).with_suffix("")): file for file in sorted(HISTORIES.rglob("*.json"))
}
FIRST = "0.1.0"


def test_each_version_has_its_histories_and_this_one_has_each_story() -> None:
    versions = {each.partition("/")[0] for each in RECORDED}
    assert {each.name for each in HISTORIES.iterdir()} == versions, (
        "a history that is in no folder, or none in one"
    )
    assert all(json.loads(file.read_text()) for file in RECORDED.values())
    assert {f"{OURS.name}/{name}" for name in (BATCH, *(story.__name__ for story in STORIES))} <= set(
        RECORDED
    )


def test_the_batch_continued_as_new() -> None:
    runs = json.loads(RECORDED[f"{FIRST}/{BATCH}"].read_text()).values()
    endings = sorted(run["events"][-1]["eventType"] for run in runs)
    assert len(endings) >= 2
    assert endings[0] == "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"
    assert set(endings[1:]) == {"EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW"}


@pytest.mark.parametrize("version", sorted({story.partition("/")[0] for story in RECORDED}))
async def test_all_histories_of_a_version_replay(version: str) -> None:
    """By one replayer: to prepare each workflow for it takes longer than to replay a history."""
    recorded = {
        history.run_id: (f"{story}: {name}", history)
        for story, file in RECORDED.items()
        if story.startswith(f"{version}/")
        for name, told in json.loads(file.read_text()).items()
        for history in [WorkflowHistory.from_json(name.rpartition("/")[0], told)]
    }

    async def histories() -> AsyncIterator[WorkflowHistory]:
        for _, history in recorded.values():
            yield history

    replayer = Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter)
    done = await replayer.replay_workflows(histories(), raise_on_replay_failure=False)
    assert {recorded[run][0]: why for run, why in done.replay_failures.items()} == {}
    assert len(recorded) >= 5


async def test_a_changed_workflow_is_noticed() -> None:
    """The test's own test: a history that did something else must not replay."""
    histories = json.loads(RECORDED[f"{FIRST}/fulfilled"].read_text())
    name, history = next(item for item in histories.items() if item[0].startswith("order-"))
    altered = json.loads(json.dumps(history).replace("payment-RECORDED", "something-RECORDED"))
    replayer = Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter)
    with pytest.raises(Exception, match=r"[Nn]ondeterminism"):
        await replayer.replay_workflow(WorkflowHistory.from_json(name.rpartition("/")[0], altered))
