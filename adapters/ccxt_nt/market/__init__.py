"""Market data: feeds, books, bars, history, and the data client over them."""
