"""Batched trading environments: account, fills, costs, observations and rewards."""
