"""The ledger of everything that was ever evaluated."""
