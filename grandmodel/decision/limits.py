"""Hard limits on target positions: they stand outside every policy and only reduce exposure.

Both functions apply the same limits; :func:`limit_targets` leaves out the reason, because it
runs in the environment's hot loop. Source: `docs/definitions.md`, Hard limits.
"""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from grandmodel.decision.rules import Rule


def limit_targets(
    target: Int[Tensor, " batch"],
    position: Int[Tensor, " batch"],
    bars_held: Int[Tensor, " batch"],
    max_hold_bars: int,
    force_flat: Bool[Tensor, " batch"] | None = None,
    no_entry: Bool[Tensor, " batch"] | None = None,
    long_only: bool = False,
) -> Int[Tensor, " batch"]:
    """Return the targets that the hard limits allow.

    Args:
        target: wanted position, -1, 0 or 1.
        position: present position, -1, 0 or 1.
        bars_held: bars over which the present position was held, 0 while flat.
        max_hold_bars: a position held for this many bars becomes flat.
        force_flat: where positions must be flat after this decision.
        no_entry: where no position may be opened; an exit stays allowed, a reversal becomes one.
        long_only: whether short targets become flat.
    """
    if long_only:
        target = target.clamp_min(0)
    flat = bars_held >= max_hold_bars
    if force_flat is not None:
        flat = flat | force_flat
    if no_entry is not None:
        flat = flat | (no_entry & (target != position))
    return target.masked_fill(flat, 0)


def apply_limits(
    target: Int[Tensor, " batch"],
    position: Int[Tensor, " batch"],
    bars_held: Int[Tensor, " batch"],
    max_hold_bars: int,
    force_flat: Bool[Tensor, " batch"] | None = None,
    no_entry: Bool[Tensor, " batch"] | None = None,
    long_only: bool = False,
) -> tuple[Int[Tensor, " batch"], Int[Tensor, " batch"]]:
    """Apply the hard limits and say which one changed each target.

    Arguments as in :func:`limit_targets`.

    Returns:
        The allowed targets, and for each the :class:`Rule` that changed it last in the order
        long only, no entry, longest holding time, forced flat; ``Rule.NONE`` where none did.
    """
    rule = torch.zeros_like(target)
    if long_only:
        rule = rule.masked_fill(target < 0, Rule.LONG_ONLY)
        target = target.clamp_min(0)
    if no_entry is not None:
        blocked = no_entry & (target != position) & (target != 0)
        rule = rule.masked_fill(blocked, Rule.NO_ENTRY)
        target = target.masked_fill(blocked, 0)
    aged = (bars_held >= max_hold_bars) & (target != 0)
    rule = rule.masked_fill(aged, Rule.MAX_HOLD)
    target = target.masked_fill(aged, 0)
    if force_flat is not None:
        forced = force_flat & (target != 0)
        rule = rule.masked_fill(forced, Rule.FORCED_FLAT)
        target = target.masked_fill(forced, 0)
    return target, rule
