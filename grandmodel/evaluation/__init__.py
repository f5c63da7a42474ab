"""How good a team is: one judging loop, metrics, statistics, baselines, verdict, report."""
