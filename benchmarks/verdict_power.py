"""How often the verdict says `shown`: with a known edge, and with none.

    python benchmarks/verdict_power.py            400 samples of each case
    python benchmarks/verdict_power.py 100        fewer samples

A sample is a market and the net session returns of 200 configurations in it. The market follows
GARCH(1,1) (0.08, 0.90) with a Sharpe ratio of 0.4; configurations share its volatility and nothing
else, and have a true net Sharpe ratio of 0 but for the one that is judged. At 0 the judged one is
the best of all trials, as whoever picks it would see it; this is also done in a market without any
drift, whose baselines are easy to beat. Every clause of the verdict is asked, by the functions that
judge a run:

- 1, 2: intervals of the Sharpe ratio and of its difference to long only, to long only scaled by
  the volatility that is known before the session, and to the cross of mean prices of 10 and 50
  sessions at 2 bp per unit of change; random traders pay the same costs as the judged one and have
  normal Sharpe ratios around what they cost.
- 3, 4: the ledger holds the other trials over the same sessions. Clause 4 is asked where all others
  hold, which changes no verdict.
- 5: an account one decision late keeps 0.8 of the edge, its returns correlate by 0.8 with the own.
- 6: costs take as much as a Sharpe ratio of 0.5, twice the costs that much again.
- 7: 200 round trips a year.
"""

import json
import re
import sys
import time
from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from interval_coverage import ALPHA, BETA, BURN_IN, YEAR, processor
from numba import njit

from grandmodel.evaluation.accounts.sessions import SUMS, SessionRows
from grandmodel.evaluation.controls.sweep import Strain
from grandmodel.evaluation.measures.metrics import Measured, session_sharpe
from grandmodel.evaluation.statistics.deflation import deflate
from grandmodel.evaluation.statistics.intervals import automatic_block, block_length
from grandmodel.evaluation.statistics.selection import overfitting_probability
from grandmodel.evaluation.statistics.standing import LEAST_CONFIGURATIONS, Standing
from grandmodel.evaluation.statistics.studentised import Difference, Interval, studentised
from grandmodel.evaluation.trials.ledger import Moments, moments
from grandmodel.evaluation.verdict import RIVALS, SHOWN, gather, judge_evidence

SHARPES = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
YEARS = (2, 5, 10)
TRIALS = (1, 20, 200)
MARKETS = {0.4: SHARPES, 0.0: (0.0,)}  # Sharpe ratio of the market, true ones that are judged
SD = 0.01  # of a session
FAST, SLOW, TURN = 10, 50, 2e-4
KEPT = 0.8
COST_SHARPE = 0.5
TRIPS, DECISIONS = 200, 46
DRAWS = 1_000
ROOT = np.sqrt(YEAR)


class World(NamedTuple):
    """One sample, [.., session]."""

    rivals: np.ndarray  # [rival, session]
    noise: np.ndarray  # [configuration, session], no edge
    late: np.ndarray  # [session], shocks of their own for a late account
    random: np.ndarray  # [draw], standard normal


@njit(cache=True)
def _volatility(shocks):
    """Sd before each session of GARCH(1,1) with variance 1, and the returns it makes."""
    sd, out = np.empty(len(shocks)), np.empty(len(shocks))
    variance = 1.0
    for t in range(len(shocks)):
        sd[t] = np.sqrt(variance)
        out[t] = sd[t] * shocks[t]
        variance = 1.0 - ALPHA - BETA + ALPHA * out[t] ** 2 + BETA * variance
    return sd, out


def world(seed, years, market_sharpe):
    """Draw a market, its rivals and 200 configurations without an edge."""
    rng = np.random.default_rng([seed, years])
    sessions = YEAR * years
    sd, moves = _volatility(rng.standard_normal(sessions + BURN_IN))
    market = SD * (moves + market_sharpe / ROOT)
    price = np.concatenate([[0.0], np.cumsum(market)])
    total = np.concatenate([[0.0], np.cumsum(price)])
    at = np.arange(BURN_IN, BURN_IN + sessions)
    fast, slow = ((total[at + 1] - total[at + 1 - n]) / n for n in (FAST, SLOW))
    side = np.sign(fast - slow)
    market, sd = market[BURN_IN:], sd[BURN_IN:]
    cross = side * market - TURN * np.abs(np.diff(side, prepend=0.0))
    noise = SD * sd * rng.standard_normal((max(TRIALS), sessions))
    late = SD * sd * rng.standard_normal(sessions)
    rivals = np.stack([market, market / sd, cross])
    return World(rivals, noise, late, rng.standard_normal(DRAWS))


def interval(net, blocks, seed):
    """Return the studentised interval of a Sharpe ratio or of a difference, per year."""
    block = block_length(max(blocks), net.shape[1])
    found = studentised([net], ratio=True, block=block, draws=DRAWS, seed=seed)
    return Difference(*(ROOT * value for value in (found.value, found.low, found.high)))


def measured_of(net):
    """Return as much of an account as the verdict reads."""
    n = len(net)
    none, order = np.zeros(n), np.arange(n)
    rows = SessionRows(
        np.array([0, n]), (0,), order, order, net, none, none, none, np.zeros((n, len(SUMS))), True
    )
    return Measured(None, range(TRIPS * n // YEAR), rows, {}, YEAR)


class Judged:
    """One configuration in its world, with what does not depend on the number of trials."""

    def __init__(self, found, blocks, index, sharpe, seed):
        self.index, edge = index, SD * sharpe / ROOT
        self.net = found.noise[index] + edge
        late = KEPT * found.noise[index] + np.sqrt(1.0 - KEPT**2) * found.late + KEPT * edge
        block = automatic_block(self.net)
        own = interval(self.net[None], [block], seed)
        self.sharpe = Interval(own.low, own.high)
        self.differences = {
            name: interval(np.stack([self.net, rival]), [block, other], seed)
            for name, rival, other in zip(RIVALS, found.rivals, blocks, strict=True)
        }
        lucky = found.random * np.sqrt(YEAR / len(self.net)) - COST_SHARPE
        self.random_p = (1 + int((lucky >= own.value).sum())) / (1 + DRAWS)
        dear = (self.net.mean() - SD * COST_SHARPE / ROOT) / DECISIONS * 1e4
        self.strain = Strain(own.value, float(session_sharpe(late, YEAR)), float(dear))

    def among(self, noise, trials):
        """Return the verdict among so many trials: its word, and the clauses that failed."""
        others = np.delete(noise[:trials], self.index, axis=0)
        told = [
            Moments(mean, sd, 0.0, 3.0, others.shape[1])
            for mean, sd in zip(others.mean(axis=1), others.std(axis=1), strict=True)
        ]
        own = moments(self.net)
        standing = Standing(deflate(own, [*told, own]), trials, None, None)
        found = self._verdict(standing)
        if found.verdict == SHOWN and trials >= LEAST_CONFIGURATIONS:
            share = overfitting_probability(np.column_stack([self.net, *others]))
            found = self._verdict(replace(standing, overfitting=share))
        return found.verdict, set(re.findall(r"clause (\d)", found.reason))

    def _verdict(self, standing):
        return judge_evidence(
            gather(
                measured_of(self.net),
                self.sharpe,
                self.differences,
                self.random_p,
                chosen_here=False,
                standing=standing,
                strain=self.strain,
            )
        )


def judge_sample(seed, years, market_sharpe):
    """Yield true Sharpe ratio, trials, verdict and failing clauses of every case."""
    found = world(seed, years, market_sharpe)
    blocks = [automatic_block(rival) for rival in found.rivals]
    measured = session_sharpe(found.noise, YEAR)
    for sharpe in MARKETS[market_sharpe]:
        judged = {}
        for trials in TRIALS:
            index = int(measured[:trials].argmax()) if sharpe == 0.0 else 0
            if index not in judged:
                judged[index] = Judged(found, blocks, index, sharpe, seed)
            yield sharpe, trials, *judged[index].among(found.noise, trials)


def power(years, market_sharpe, samples):
    """Return a row per true Sharpe ratio and number of trials."""
    words, clauses = Counter(), Counter()
    for seed in range(samples):
        for sharpe, trials, word, failed in judge_sample(seed, years, market_sharpe):
            words[sharpe, trials, word] += 1
            clauses.update((sharpe, trials, clause) for clause in failed)
    return [
        {
            "market": market_sharpe,
            "years": years,
            "trials": trials,
            "sharpe": sharpe,
            "shown": words[sharpe, trials, SHOWN] / samples,
            "cannot tell": words[sharpe, trials, "cannot tell"] / samples,
            "failing": {
                clause: clauses[sharpe, trials, clause] / samples
                for clause in "1234567"
                if clauses[sharpe, trials, clause]
            },
        }
        for trials in TRIALS
        for sharpe in MARKETS[market_sharpe]
    ]


def main(samples):
    began = time.perf_counter()
    rows = []
    for market_sharpe, years in product(MARKETS, YEARS):
        found = power(years, market_sharpe, samples)
        rows += found
        for trials in TRIALS:
            shares = [f"{100 * row['shown']:.1f}" for row in found if row["trials"] == trials]
            spent = time.perf_counter() - began
            print(f"| {market_sharpe} | {years} | {trials} | {' | '.join(shares)} |  {spent:.0f} s")
    told = {"machine": processor(), "samples": samples, "resamples": DRAWS, "cells": rows}
    target = Path(__file__).parent / "results" / "verdict_power.json"
    target.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
