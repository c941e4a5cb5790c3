"""What was known outside as columns beside the bars that a model learns from."""

from collections.abc import Sequence

import numpy as np

from morningstar_strategy.core.bars import IntArray
from morningstar_strategy.core.timeline import Timeline
from morningstar_strategy.model.learning.hybrid_settings import Alternative

__all__ = ["alternative_at"]


def alternative_at(timeline: Timeline, sources: Sequence[str], stamps: IntArray) -> Alternative:
    """Join series of numbers to rows by what was known at the close of each row's bar.

    Give `panel.ts_event` as stamps. Raises ValueError for a source that is no series of numbers.
    """
    columns = [timeline.column(source, stamps) for source in sources]
    if not columns:
        raise ValueError("sources must name at least one series, was empty")
    return Alternative(
        names=tuple(sources),
        values=np.column_stack([values for values, _ in columns]).astype(np.float32),
        known=np.column_stack([known for _, known in columns]),
    )
