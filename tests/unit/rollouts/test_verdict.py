"""What the gate says of a build, by how its orders and those of others end."""

import pytest

from order_system.domain.errors import InvalidSettings
from order_system.infra.temporal.deployment import this_version
from order_system.rollouts.gate import ALIKE, FEW, WORSE, Ended, Verdict


def verdict(ours: tuple[int, int], others: tuple[int, int], **changes: object) -> Verdict:
    sound = Verdict(
        version="orders:v2",
        replayed=1,
        not_opened=0,
        does_not_replay={},
        audit_violations=(),
        stuck_on_a_bug=0,
        ours=Ended(failed=ours[0], of=ours[1]),
        others=Ended(failed=others[0], of=others[1]),
    )
    return sound.model_copy(update=changes)


@pytest.mark.parametrize(
    ("ours", "others", "finding"),
    [
        ((0, 0), (0, 0), FEW),
        ((0, 0), (70, 200), FEW),
        ((1, 1), (20, 1_000), FEW),  # once in fifty: chance may be the reason
        ((2, 2), (20, 1_000), WORSE),  # few, and enough
        ((17, 60), (300, 1_000), ALIKE),
        ((40, 60), (300, 1_000), WORSE),
        ((0, 60), (300, 1_000), ALIKE),
        ((900, 2_000), (700, 2_000), WORSE),
        ((60, 60), (60, 60), ALIKE),
        ((30, 60), (0, 3), FEW),
    ],
)
def test_a_build_is_worse_if_chance_does_not_explain_its_failures(
    ours: tuple[int, int], others: tuple[int, int], finding: str
) -> None:
    said = verdict(ours, others)
    assert (said.canary, said.passed) == (finding, finding != WORSE)


@pytest.mark.parametrize(
    "trouble",
    [{"does_not_replay": {"order-1/run": "no"}}, {"audit_violations": ("1",)}, {"stuck_on_a_bug": 1}],
)
def test_each_kind_of_trouble_stops_a_rollout(trouble: dict[str, object]) -> None:
    assert not verdict((0, 60), (0, 60), **trouble).passed


def test_one_variable_alone_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert this_version() is None
    monkeypatch.setenv("TEMPORAL_WORKER_BUILD_ID", "v1")
    with pytest.raises(
        InvalidSettings, match=r"^TEMPORAL_WORKER_BUILD_ID is set, and TEMPORAL_DEPLOYMENT_NAME"
    ):
        this_version()
    monkeypatch.setenv("TEMPORAL_DEPLOYMENT_NAME", "a.b")
    with pytest.raises(InvalidSettings, match=r"^TEMPORAL_DEPLOYMENT_NAME=a\.b: .*without dot and colon"):
        this_version()
