"""Random faults: the exercise's rates, replayable by seed, and set by a file."""

from collections import Counter
from pathlib import Path

import pytest

from order_system.domain.errors import InvalidSettings
from order_system.domain.steps import Step
from order_system.gateways.simulated.faults import (
    DEFAULT_FAULTS,
    NO_FAULTS,
    FaultKind,
    FaultRates,
    GatewayRates,
    Operation,
    chance,
    draw_fault,
    load_faults,
)

DRAWS = 10_000
ONE_POINT = 0.01


def shares_of(operation: Operation, *, seed: int = 1, rates: FaultRates = DEFAULT_FAULTS) -> dict[str, float]:
    drawn = Counter(
        draw_fault(
            rates, operation, seed=seed, order_id=f"ORDER-{n:05}", submission_number=1, earlier_calls=0
        )
        for n in range(DRAWS)
    )
    return {str(kind): drawn[kind] / DRAWS for kind in FaultKind}


@pytest.mark.parametrize("seed", [1, 2, 2024])
@pytest.mark.parametrize(
    ("operation", "refused", "trouble"),
    [
        (Operation.CHARGE, 0.10, 0.05),
        (Operation.RESERVE, 0.10, 0.10),
        (Operation.LABEL, 0.05, 0.05),
        (Operation.DISPATCH, 0.05, 0.05),
        (Operation.NOTIFY, 0.0, 0.05),
    ],
)
def test_the_default_rates_are_those_of_the_exercise(
    operation: Operation, refused: float, trouble: float, seed: int
) -> None:
    shares = shares_of(operation, seed=seed)
    assert refused + trouble == pytest.approx(sum(shares.values()), abs=ONE_POINT)
    assert refused == pytest.approx(shares["refused"], abs=ONE_POINT)
    assert trouble / 2 == pytest.approx(shares["not reached"], abs=ONE_POINT)
    assert trouble / 2 == pytest.approx(shares["answer lost"], abs=ONE_POINT)


@pytest.mark.parametrize(
    ("operation", "trouble"),
    [
        (Operation.REFUND, 0.05),
        (Operation.RELEASE, 0.10),
        (Operation.COMMIT, 0.10),
        (Operation.VOID, 0.05),
    ],
)
def test_undos_and_commit_meet_the_trouble_of_their_gateway(operation: Operation, trouble: float) -> None:
    shares = shares_of(operation)
    assert trouble == pytest.approx(shares["not reached"] + shares["answer lost"], abs=ONE_POINT)


def test_the_same_seed_draws_the_same_and_another_one_does_not() -> None:
    def draws(seed: int) -> list[FaultKind | None]:
        return [
            draw_fault(
                DEFAULT_FAULTS,
                operation,
                seed=seed,
                order_id=f"ORDER-{n}",
                submission_number=1,
                earlier_calls=0,
            )
            for operation in Operation
            for n in range(200)
        ]

    assert draws(7) == draws(7)
    assert draws(7) != draws(8)


def test_each_thing_that_is_hashed_makes_another_draw() -> None:
    parts = [(1, "A", "charge", 1, 0), (2, "A", "charge", 1, 0), (1, "B", "charge", 1, 0)]
    parts += [(1, "A", "refund", 1, 0), (1, "A", "charge", 2, 0), (1, "A", "charge", 1, 1)]
    drawn = {chance(*part) for part in parts}
    assert len(parts) == len(drawn)
    assert all(0 <= number < 1 for number in drawn)


def test_without_faults_nothing_is_drawn() -> None:
    assert shares_of(Operation.CHARGE, rates=NO_FAULTS) == {"refused": 0, "not reached": 0, "answer lost": 0}


def test_a_rate_of_one_always_strikes() -> None:
    always = {Step.PAYMENT: GatewayRates(refused=1.0)}
    assert shares_of(Operation.CHARGE, rates=always)["refused"] == 1


def test_faults_are_loaded_by_name_or_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text("[payment]\nrefused = 0.5\n[shipping]\ntrouble = 1\n", encoding="utf-8")
    assert load_faults("none") == NO_FAULTS
    assert load_faults("default") == DEFAULT_FAULTS
    expected = {Step.PAYMENT: GatewayRates(refused=0.5), Step.SHIPPING: GatewayRates(trouble=1.0)}
    assert expected == load_faults(str(file))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[payment]\nrefused = 1.5\n", "payment.refused: Input should be less than or equal to 1"),
        ("[payment]\nrefused = 0.6\ntrouble = 0.6\n", "payment: Value error, refused and trouble"),
        ("[payments]\nrefused = 0.1\n", "payments.[key]: Input should be 'payment', 'inventory', "),
        ("[shipping]\ntrouble = nan\n", "shipping.trouble: "),
        ("payment = 3\n", "payment: Input should be"),
        ("[payment\n", "is not TOML: "),
        ("\udcff", "is not TOML: "),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path: Path, content: str, complaint: str) -> None:
    file = tmp_path / "faults.toml"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(InvalidSettings, match="faults file") as caught:
        load_faults(str(file))
    message = str(caught.value)
    assert message.startswith(f"ORDER_FAULTS: faults file {file}: {complaint}")
    assert "\n" not in message


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"no\.toml: cannot be read \(No such file or directory\)"):
        load_faults(str(tmp_path / "no.toml"))
