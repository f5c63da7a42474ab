"""Figures of a track: returns, risk, trades, votes, and the targets of the texts."""
