"""What a run was: tables, pictures and exports of a run folder, backtest or live."""
