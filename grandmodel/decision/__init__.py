"""How votes become one decision: executors, pooling, execution rules, hard limits, record."""
