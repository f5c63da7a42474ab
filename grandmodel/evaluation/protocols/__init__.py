"""Plans of evaluation: which bars train, select and judge, fold by fold."""
