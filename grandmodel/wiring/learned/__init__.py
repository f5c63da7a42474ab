"""Rivals that learn with the budget of the judged run: ordinary trainings, kept beside it."""
