"""Thins a stream of stamped messages out to a rate."""

from __future__ import annotations

from autonomy_interfaces.messages import nanoseconds


class PublishRate:
    """Lets through the first message at or after each instant of a regular grid.

    The grid, and not the last message, sets the next instant: 50 Hz thinned to 20 Hz gives
    20 Hz on average and not 16.7.
    """

    def __init__(self, rate: float) -> None:
        """Take the rate in hertz.

        Raises:
            ValueError: it is not positive.
        """
        if not rate > 0.0:
            raise ValueError(f"publish_rate {rate}: give a positive number of hertz")
        self._period_ns = nanoseconds(1.0 / rate)
        self._due_ns: int | None = None

    def due(self, stamp_ns: int) -> bool:
        """Whether the message stamped `stamp_ns` is to be used.

        After a pause, or when the clock was set back, the grid starts again here.
        """
        due_ns = self._due_ns
        if due_ns is None or abs(stamp_ns - due_ns) > 2 * self._period_ns:
            self._due_ns = stamp_ns + self._period_ns
            return True
        if stamp_ns < due_ns:
            return False
        self._due_ns = due_ns + self._period_ns
        return True
