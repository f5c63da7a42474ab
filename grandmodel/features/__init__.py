"""Indicators of closed bars, the named columns made of them, and the tape that holds them."""
