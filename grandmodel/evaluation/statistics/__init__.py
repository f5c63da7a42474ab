"""Intervals, deflation by trials, and what choosing among trials is worth."""
