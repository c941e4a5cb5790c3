"""What the doctor of a live node still calls healthy."""

from decimal import Decimal

from pydantic import Field, model_validator

from morningstar_strategy.settings.section import Section

__all__ = ["DoctorSettings"]


class DoctorSettings(Section):
    """Limits of the checks before trading.

    `least_free_gib` is the free space that every folder of a node must have. A venue's clock may be
    `warn_skew_ms` from ours without a word and `max_skew_ms` at all. `lot_percent` is by how much
    whole lots may change a position.
    """

    least_free_gib: Decimal = Field(default=Decimal(1), ge=0)
    warn_skew_ms: int = Field(default=500, ge=1)
    max_skew_ms: int = Field(default=2_000, ge=1)
    lot_percent: Decimal = Field(default=Decimal(10), gt=0, le=100)

    @model_validator(mode="after")
    def _in_order(self) -> "DoctorSettings":
        if self.warn_skew_ms > self.max_skew_ms:
            raise ValueError(
                f"warn_skew_ms must not exceed max_skew_ms {self.max_skew_ms}, "
                f"was {self.warn_skew_ms}"
            )
        return self
