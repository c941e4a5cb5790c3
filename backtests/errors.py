"""What a user did that cannot be run."""


class BacktestError(ValueError):
    """A backtest cannot be run or has failed, in one sentence."""
