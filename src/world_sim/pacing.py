"""Keeping simulated time in step with the steady clock, without ever racing to catch up."""

from __future__ import annotations

from autonomy_interfaces.messages import MILLISECOND, SECOND

FORGIVEN_NS = 50 * MILLISECOND
"""A delay up to this is made good; beyond it simulated time falls behind for good."""


class Pacer:
    """Says how long to wait before a simulated instant may come.

    Args:
        factor: simulated seconds per second; zero or less for as fast as possible.
        steady_ns: the steady clock at simulated time zero, nanoseconds.
    """

    def __init__(self, factor: float, steady_ns: int) -> None:
        self._factor = factor
        self._origin_ns = steady_ns
        self._lost_ns = 0
        self._reported = (0, steady_ns)

    def wait_s(self, simulated_ns: int, steady_ns: int) -> float:
        """Seconds to wait until `simulated_ns` is due; zero when it is due or overdue."""
        if self._factor <= 0.0:
            return 0.0
        due_ns = self._origin_ns + round(simulated_ns / self._factor)
        late_ns = steady_ns - due_ns
        if late_ns > FORGIVEN_NS:
            self._origin_ns += late_ns
            self._lost_ns += late_ns
        return max(0.0, -late_ns / SECOND)

    def report(self, simulated_ns: int, steady_ns: int) -> tuple[float, float]:
        """Real-time factor and seconds lost since the last report."""
        before_simulated, before_steady = self._reported
        self._reported = (simulated_ns, steady_ns)
        lost_s, self._lost_ns = self._lost_ns / SECOND, 0
        elapsed = max(1, steady_ns - before_steady)
        return (simulated_ns - before_simulated) / elapsed, lost_s
