"""How long a sleeping core may take to wake, while a robot is driven (Linux PM QoS)."""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path

CPU_LATENCY = Path("/dev/cpu_dma_latency")
"""Who holds it open with a number of microseconds, int32, bounds the wake-up of every core."""
MOST_S = 1.0


class WakeLatency:
    """Asks the kernel for cores that wake in time, and takes it back.

    A core that has nothing to do sleeps the deeper the longer it expects to, and wakes the later.
    The kernel takes the request back by itself when the process ends, however it ends.
    """

    def __init__(self, longest_s: float, file: Path = CPU_LATENCY) -> None:
        """Ask for nothing yet.

        Args:
            longest_s: from an interrupt to a core that runs, seconds, in steps of 1e-6. With 0 a
                core does not sleep at all; negative: the system is left alone.
            file: of the kernel.

        Raises:
            ValueError: `longest_s` is no number that fits.
        """
        if not longest_s <= MOST_S:
            raise ValueError(
                f"wake_latency is {longest_s}: give seconds up to {MOST_S}, or -1 to ask for none"
            )
        self._request = b"" if longest_s < 0.0 else struct.pack("=i", round(1e6 * longest_s))
        self._file = file
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether the kernel has the request."""
        return self._descriptor is not None

    def hold(self, wanted: bool) -> None:
        """Make the request if it is not made, or take it back if it is.

        Without the right to it nothing changes, and it is not asked for again.
        """
        if wanted == self.held:
            return
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        elif self._request:
            self._descriptor = self._open()

    def _open(self) -> int | None:
        with suppress(OSError):
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(descriptor, self._request)
            except OSError:
                os.close(descriptor)
                raise
            return descriptor
        self._request = b""
        return None
