"""What every room shares: types that travel, one style of error, named randomness, time."""
