"""Accounts of positions: scripted ones, tracks, sessions and round trips."""
