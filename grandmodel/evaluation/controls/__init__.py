"""Controls of a result: other costs, later orders, regimes, broken bars, larger sizes."""
