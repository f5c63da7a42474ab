import pytest

from grandmodel.core.checks import UserError
from grandmodel.evaluation.controls.sweep import COSTS, DELAYS, Sweep
from grandmodel.wiring.controls import SWEEP_OPTIONS, sweep_of


def test_lists_and_single_numbers_are_taken() -> None:
    assert sweep_of(SWEEP_OPTIONS) == Sweep(COSTS, DELAYS)
    assert sweep_of({"costs": [0, 0.5, 3], "delay_bars": 2}) == Sweep((0.0, 0.5, 3.0), (2,))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("costs", [1, -0.5], "costs must hold factors of at least 0, was -0.5"),
        ("costs", [float("nan")], "was nan"),
        ("costs", [float("inf")], "was inf"),
        ("costs", [], "costs must be a list of factors"),
        ("costs", "half", "was half"),
        ("costs", [1, True], "costs must be a list of factors"),
        ("costs", [1, 1.0], "costs must name each value once, was 1.0 twice"),
        ("delay_bars", [0.5], "whole numbers from 0 to 100, was 0.5"),
        ("delay_bars", -1, "was -1"),
        ("delay_bars", [101], "was 101"),
        ("delay_bars", None, "such as delay_bars=[0,1], was None"),
    ],
)
def test_what_is_no_factor_or_delay_is_refused(key: str, value: object, words: str) -> None:
    with pytest.raises(UserError) as refused:
        sweep_of({**SWEEP_OPTIONS, key: value})
    assert words in str(refused.value)
