"""Learning: returns, losses, rollouts and the algorithms that use them."""
