"""Protocols carried out: folds trained in parallel, pooled and judged once."""
