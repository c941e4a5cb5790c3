"""What forecasts are worth: scores, trades, words, cards and pictures."""
