"""From bars to a fitted, calibrated graph: rows, families and the walk forward."""
