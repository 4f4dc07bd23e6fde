"""How far the outputs of a replay agree with those of the recording."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Agreement:
    """Differences of one output, message by message.

    tolerance: a difference up to it counts as agreement; in the output's unit.
    """

    name: str
    unit: str
    tolerance: float
    differences: list[float] = field(default_factory=list)
    first_apart_s: float | None = None
    worst_s: float = 0.0

    def add(self, at_s: float, difference: float) -> None:
        """Take the difference of one message; `at_s` since the recording began."""
        if difference > max(self.differences, default=0.0):
            self.worst_s = at_s
        self.differences.append(difference)
        if difference > self.tolerance and self.first_apart_s is None:
            self.first_apart_s = at_s

    @property
    def share(self) -> float:
        """Share of the messages within the tolerance; 0 where there was none to compare."""
        if not self.differences:
            return 0.0
        return float(np.mean(np.array(self.differences) <= self.tolerance))

    def figures(self) -> dict[str, Any]:
        """The agreement as JSON."""
        values = np.array(self.differences) if self.differences else np.array([np.nan])
        compared = bool(self.differences)
        return {
            "messages": len(self.differences),
            "within_share": round(self.share, 4),
            "exact_share": round(float(np.mean(values == 0.0)), 4) if compared else None,
            "p99": round(float(np.percentile(values, 99)), 6) if compared else None,
            "worst": round(float(values.max()), 6) if compared else None,
            "worst_s": round(self.worst_s, 3),
            "first_apart_s": None if self.first_apart_s is None else round(self.first_apart_s, 3),
            "tolerance": self.tolerance,
            "unit": self.unit,
        }
