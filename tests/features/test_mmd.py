import numpy as np
import pytest

from grandmodel.features.mmd import Mmd


def naive_squared(bars, wanted):
    """Unbiased MMD^2 at some bars, from the definition and with the library's exp."""
    count = len(bars)
    change = np.r_[0.0, bars.close[1:] / bars.close[:-1] - 1.0]
    variance = np.zeros(count)
    variance[1] = change[1] ** 2
    for t in range(2, count):
        variance[t] = 0.94 * variance[t - 1] + 0.06 * change[t] ** 2
    x = np.zeros((count, 3))
    x[2:, 0] = change[2:] / np.sqrt(variance[1:-1])
    x[:, 1] = np.abs(change)
    x[:, 2] = (bars.high - bars.low) / bars.close
    found = {}
    for t in range(600, max(wanted) + 1):
        if t == 600 or bars.day[t] != bars.day[t - 1]:
            reference = x[t - 599 : t - 99]
            mean, sd = reference.mean(0), reference.std(0)
            z = ((reference - mean) / sd)[::5]
            distance = np.sqrt(((z[:, None] - z[None]) ** 2).sum(-1))
            sigma = np.median(distance[np.triu_indices(100, 1)])
        if t in wanted:
            a, b = (x[t - 599 : t - 99] - mean) / sd, (x[t - 99 : t + 1] - mean) / sd

            def kernel(left, right, width=sigma):
                return np.exp(-((left[:, None] - right[None]) ** 2).sum(-1) / (2 * width**2))

            within = (kernel(a, a).sum() - 500) / (500 * 499) + (kernel(b, b).sum() - 100) / 9900
            found[t] = within - 2.0 * kernel(a, b).mean()
    return found


@pytest.fixture(scope="module")
def walk(random_bars):
    return random_bars(1600, 3)


@pytest.fixture(scope="module")
def squared(walk):
    return Mmd().squared(walk)


def test_squared_score_equals_the_definition(walk, squared):
    # first scored bar, inside its day, both sides of a day's edge, long after
    wanted = {600, 601, 643, 644, 645, 689, 690, 1000, 1599}
    for t, value in naive_squared(walk, wanted).items():
        assert squared[t] == pytest.approx(value, abs=1e-12)


def test_score_is_the_root_and_zero_before_600_bars(walk, squared):
    score = Mmd().over(walk)["mmd_score"]
    assert np.isnan(squared[:600]).all()
    assert (score[:600] == 0.0).all()
    np.testing.assert_array_equal(score[600:], np.sqrt(np.maximum(squared[600:], 0.0)))


def test_update_equals_over_bit_for_bit(walk):
    batch, stream = Mmd().over(walk)["mmd_score"], Mmd()
    assert [stream.update(walk.bar(t))["mmd_score"] for t in range(len(walk))] == batch.tolist()


def test_update_continues_after_over(walk):
    whole, part = Mmd().over(walk)["mmd_score"], Mmd()
    part.over(walk.slice(0, 900))
    assert part.update(walk.bar(900))["mmd_score"] == whole[900]
    np.testing.assert_array_equal(part.over(walk)["mmd_score"], whole)  # which starts afresh


def test_the_future_does_not_matter(walk, squared):
    np.testing.assert_array_equal(Mmd().squared(walk.slice(0, 1234)), squared[:1234])


def test_another_start_is_forgotten_after_the_declared_memory(walk, squared):
    start = 307
    later = Mmd().squared(walk.slice(start, len(walk)))
    begin = start + Mmd.memory_bars
    np.testing.assert_allclose(later[begin - start :], squared[begin:], atol=1e-6)


def test_a_changed_law_is_seen(random_bars, make_bars):
    calm = random_bars(1200, 5)
    wild = [part.copy() for part in (calm.open, calm.high, calm.low, calm.close)]
    anchor = wild[3][999]
    for part in wild:
        part[1000:] = anchor + 4.0 * (part[1000:] - anchor)
    score = Mmd().over(make_bars(*wild))["mmd_score"]
    assert score[999] < 0.2
    assert score[1099] > 0.3


def test_bars_without_movement_score_zero(make_bars):
    flat = np.full(650, 10.0)
    squared = Mmd().squared(make_bars(flat, flat, flat, flat))
    np.testing.assert_allclose(squared[600:], 0.0, atol=1e-12)
