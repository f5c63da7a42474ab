import numpy as np
import pytest
from scipy import stats

from grandmodel.core.random import numpy_stream
from grandmodel.evaluation.statistics.intervals import automatic_block, block_length
from grandmodel.evaluation.statistics.studentised import studentised

YEAR = 252


def _by_hand(net, gradient, value, *, block, draws, seed):
    """Value and 95 % bounds from whole resamples, one after another."""
    n = net.shape[1]
    starts = numpy_stream(seed, f"bootstrap/{block}").integers(0, n, size=(draws, n // block))
    rows = (starts[:, :, None] + np.arange(block)) % n

    def error(taken):  # [track, block, session]: sums over blocks of the linear part
        flat = taken.reshape(len(taken), -1)
        scores = (gradient(flat)(taken)).sum(axis=-1)
        return np.sqrt((scores**2).sum()) / flat.shape[1]

    every = (np.arange(n)[:, None] + np.arange(block)) % n
    own, width = value(net), error(net[:, every]) * np.sqrt(block)
    far = [abs(value(net[:, r.ravel()]) - own) / error(net[:, r]) for r in rows]
    reach = np.quantile(far, 0.95, method="higher") * width
    return own, own - reach, own + reach


def _ratio(net):
    ratios = net.mean(axis=1) / net.std(axis=1)
    return ratios[0] - ratios[1:].sum()


def _linear_ratio(net):
    """Return the influence of sessions on the ratio: z - S / 2 (z^2 - 1) of each track."""
    mean, sd = net.mean(axis=1)[:, None, None], net.std(axis=1)[:, None, None]
    sign = np.array([1.0, -1.0])[: len(net), None, None]

    def scores(taken):
        z = (taken - mean) / sd
        return (sign * (z - mean / sd / 2.0 * (z**2 - 1.0))).sum(axis=0)

    return scores


@pytest.mark.parametrize("tracks", [1, 2])
def test_ratios_are_those_of_whole_resamples(tracks):
    net = np.random.default_rng(0).standard_t(5, (tracks, 65)) * 0.01 + 0.002
    found = studentised([net], ratio=True, block=6, draws=40, seed=4)
    wanted = _by_hand(net, _linear_ratio, _ratio, block=6, draws=40, seed=4)
    assert (found.value, found.low, found.high) == pytest.approx(wanted)


def test_means_are_those_of_whole_resamples():
    net = np.random.default_rng(1).normal(0.001, 0.01, (1, 64))
    found = studentised([net], ratio=False, block=7, draws=40, seed=4)
    wanted = _by_hand(
        net,
        lambda taken: lambda blocks: blocks[0] - taken.mean(),
        np.mean,
        block=7,
        draws=40,
        seed=4,
    )
    assert (found.value, found.low, found.high) == pytest.approx(wanted)


def test_a_mean_of_few_blocks_is_as_uncertain_as_student_says():
    """One session a block: the interval of n - 1 degrees of freedom, three of them at n = 4."""
    net = np.random.default_rng(2).normal(0.0, 0.01, (200, 1, 8))
    widths = [
        (found.high - found.value) / one.std(ddof=1) * np.sqrt(8)
        for one in net
        if (found := studentised([one], ratio=False, block=1, draws=999, seed=0)).high < np.inf
    ]
    assert np.median(widths) == pytest.approx(stats.t.ppf(0.975, 7), rel=0.1)
    assert np.median(widths) > 1.1 * 1.96


def test_the_golden_interval():
    net = 0.01 * np.sin(np.arange(1.0, 121.0) ** 2)[None] + 0.001
    golden = [0.13376817178100714, -0.06137378724965187, 0.32891013081166615]
    found = studentised([net], ratio=True, block=10, draws=500, seed=0)
    assert [found.value, found.low, found.high] == pytest.approx(golden, rel=1e-9)


def test_paths_are_averaged():
    rng = np.random.default_rng(3)
    paths = [rng.normal(0.001, 0.01, (1, n)) for n in (240, 260, 250, 250)]
    found = studentised(paths, ratio=True, block=10, draws=2_000, seed=0)
    assert found.value == pytest.approx(np.mean([_ratio(net) for net in paths]))
    alone = studentised(paths[:1], ratio=True, block=10, draws=2_000, seed=0)
    assert found.high - found.value == pytest.approx((alone.high - alone.value) / 2.0, rel=0.2)


def test_a_paired_difference_is_narrower_than_an_unpaired_one():
    rng = np.random.default_rng(1)
    market = rng.normal(0.0005, 0.01, 500)
    both = np.stack([market + rng.normal(0, 0.002, 500), market])
    paired = studentised([both], ratio=True, block=10, draws=500, seed=0)
    apart = [studentised([one[None]], ratio=True, block=10, draws=500, seed=0) for one in both]
    widths = np.hypot(*(found.high - found.value for found in apart))
    assert paired.high - paired.value < 0.5 * widths


def test_what_does_not_vary_is_known_and_what_hardly_varies_is_not():
    net = np.zeros((2, 120))
    assert studentised([net], ratio=True, block=10, draws=99, seed=0).high == 0.0
    net[0] = 0.001
    held = studentised([net[:1]], ratio=False, block=10, draws=99, seed=0)
    assert (held.low, held.high) == pytest.approx((0.001, 0.001))
    for session in (5, 50, 100):
        net = np.zeros((2, 120))
        net[:, session] = 0.1, -0.2
        for tracks, ratio in ((1, True), (1, False), (2, True)):
            once = studentised([net[:tracks]], ratio=ratio, block=10, draws=999, seed=0)
            assert (once.low, once.high) == (-np.inf, np.inf)


def _independent(rng, n):
    return rng.normal(0.0, 0.01, (2, n))


def _fat(rng, n):
    return rng.standard_t(5, (2, n)) * 0.01


def _garch(rng, n):
    """GARCH(1,1), alpha 0.08, beta 0.90, two tracks with shocks of their own."""
    out, variance = np.empty((2, n)), np.full(2, 1e-4)
    for t in range(n):
        out[:, t] = np.sqrt(variance) * rng.normal(size=2)
        variance = 2e-6 + 0.08 * out[:, t] ** 2 + 0.90 * variance
    return out


def _slow(rng, n):
    """Returns of positions that follow regimes of four sessions: weakly dependent."""
    regime = np.repeat(rng.choice([-1.0, 0.0, 1.0], (2, n // 4 + 1)), 4, axis=1)[:, :n]
    return 0.004 * regime + rng.normal(0.0, 0.01, (2, n))


def _shares(world, n, samples):
    """Share of intervals of Sharpe, mean and difference that hold the true ones: 1, ., 0."""
    rng = np.random.default_rng(n)
    hits = np.zeros(3)
    rise = 0.01 / np.sqrt(YEAR)
    sd = {_fat: np.sqrt(5 / 3), _slow: np.sqrt(1 + 0.16 * 2 / 3)}.get(world, 1.0)
    for number in range(samples):
        net = world(rng, n) / sd + rise
        block = block_length(max(automatic_block(track) for track in net), n)
        for k, (paths, ratio, truth) in enumerate(
            ((net[:1], True, 1 / np.sqrt(YEAR)), (net[:1], False, rise), (net, True, 0.0))
        ):
            found = studentised([paths], ratio=ratio, block=block, draws=400, seed=number)
            hits[k] += found.low <= truth <= found.high
    return hits / samples


@pytest.mark.parametrize("world", [_independent, _fat])
def test_independent_years_are_covered(world):
    """95 % intervals hold the truth as often as a binomial of 400 allows, inside 91 to 98 %."""
    low, high = stats.binom.ppf([0.001, 0.999], 400, 0.95) / 400
    shares = _shares(world, YEAR, 400)
    assert (shares >= max(low, 0.91)).all(), shares
    assert (shares <= min(high, 0.98)).all(), shares


@pytest.mark.slow
@pytest.mark.parametrize("world", [_garch, _slow])
@pytest.mark.parametrize("years", [1, 4])
def test_dependent_years_are_covered(world, years):
    shares = _shares(world, YEAR * years, 400)
    assert (shares >= 0.91).all(), shares
    assert (shares <= 0.985).all(), shares
