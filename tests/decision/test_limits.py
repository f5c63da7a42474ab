import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grandmodel.decision.limits import apply_limits, limit_targets
from grandmodel.decision.rules import RULE_TEXTS, Rule

# target, position, bars_held, force_flat, no_entry, long_only -> target, rule (max_hold 96)
TABLE = [
    (1, 1, 95, False, False, False, 1, Rule.NONE),
    (1, 1, 96, False, False, False, 0, Rule.MAX_HOLD),
    (-1, 1, 96, False, False, False, 0, Rule.MAX_HOLD),  # a reversal becomes an exit
    (0, 1, 96, False, False, False, 0, Rule.NONE),
    (1, 0, 0, True, False, False, 0, Rule.FORCED_FLAT),
    (1, 1, 3, True, False, False, 0, Rule.FORCED_FLAT),
    (1, 0, 0, False, True, False, 0, Rule.NO_ENTRY),
    (-1, 1, 5, False, True, False, 0, Rule.NO_ENTRY),  # leaves, but does not enter
    (1, 1, 5, False, True, False, 1, Rule.NONE),
    (0, 1, 5, False, True, False, 0, Rule.NONE),
    (-1, 0, 0, False, False, True, 0, Rule.LONG_ONLY),
    (-1, 1, 5, False, False, True, 0, Rule.LONG_ONLY),
    (1, 1, 5, False, False, True, 1, Rule.NONE),
    (1, 1, 96, True, False, False, 0, Rule.MAX_HOLD),
]


@pytest.mark.parametrize("row", TABLE)
def test_limits_table(row):
    target, position, held, flat, entry, long_only, expected, rule = row
    arguments = (
        torch.tensor([target]),
        torch.tensor([position]),
        torch.tensor([held]),
        96,
        torch.tensor([flat]),
        torch.tensor([entry]),
        long_only,
    )
    limited, fired = apply_limits(*arguments)
    assert (limited.item(), fired.item()) == (expected, rule)
    assert limit_targets(*arguments).item() == expected


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), long_only=st.booleans(), given_flags=st.booleans())
def test_limits_only_reduce_exposure_and_both_forms_agree(seed, long_only, given_flags):
    generator = torch.Generator().manual_seed(seed)
    low = 0 if long_only else -1
    target = torch.randint(-1, 2, (64,), generator=generator)
    position = torch.randint(low, 2, (64,), generator=generator)
    held = torch.randint(1, 110, (64,), generator=generator) * position.abs()
    flags = torch.rand(2, 64, generator=generator) < 0.2
    flat, entry = (flags[0], flags[1]) if given_flags else (None, None)
    limited, rule = apply_limits(target, position, held, 96, flat, entry, long_only)
    assert torch.equal(limited, limit_targets(target, position, held, 96, flat, entry, long_only))
    assert ((limited == target) | (limited == 0)).all()
    assert torch.equal(limited != target, rule != Rule.NONE)
    assert (limited[held >= 96] == 0).all()


def test_every_rule_has_a_text():
    assert set(RULE_TEXTS) == set(Rule)
