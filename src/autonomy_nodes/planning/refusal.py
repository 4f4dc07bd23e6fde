"""Motions that the base is asked for and does not carry out."""

from __future__ import annotations

from dataclasses import dataclass

from autonomy_interfaces.messages import Odometry, nanoseconds
from autonomy_nodes.planning.config import PlannerConfig

# A command below these asks for no motion worth the name, m/s and rad/s.
LEAST_SPEED = 0.08
LEAST_RATE = 0.2
# A way that turns less than this is straight, rad/s: what is in the way of a curve need not be in
# the way straight on, so that of curves the turn is refused first.
STRAIGHT = 0.02
# Of an arc, the turn is what is refused where it moves a point this far from the centre, metres,
# faster than the centre itself: about half the length of a robot.
ARM = 0.3
# Less than this share of what was asked for is a refusal.
LEAST_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Refused:
    """Motions that are refused now."""

    forward: bool = False
    reverse: bool = False
    left: bool = False
    right: bool = False

    def __bool__(self) -> bool:
        """Whether anything is refused."""
        return self.forward or self.reverse or self.left or self.right


NOTHING_REFUSED = Refused()


class RefusalWatch:
    """Compares what was commanded with what the odometry says became of it.

    The safety monitor stops commands that the planner thought safe, where its sensor shows more
    than the map; a wheel may be blocked. Asking again for the same changes nothing: another motion
    may.
    """

    def __init__(self, config: PlannerConfig) -> None:
        """Take the times."""
        self._patience_ns = nanoseconds(config.refusal_time)
        self._memory_ns = nanoseconds(config.refusal_memory)
        self.reset()

    def reset(self) -> None:
        """Forget what was refused."""
        self._waited_ns: dict[str, int] = {}
        self._until_ns: dict[str, int] = {}
        self._last_ns: int | None = None

    def step(self, command: tuple[float, float], odometry: Odometry, now_ns: int) -> Refused:
        """Take in the last command and the motion now; returns what is refused.

        A driver that wavers between two motions waits for each of them until one is carried out.
        """
        asked = _asked(command, odometry)
        passed_ns = 0 if self._last_ns is None else now_ns - self._last_ns
        self._last_ns = now_ns
        if not asked:
            self._waited_ns = {}
        else:
            self._waited_ns[asked] = self._waited_ns.get(asked, -passed_ns) + passed_ns
            if self._waited_ns[asked] >= self._patience_ns:
                self._until_ns[asked] = now_ns + self._memory_ns
        current = {name for name, until_ns in self._until_ns.items() if until_ns > now_ns}
        if len(current) == 4:
            self._until_ns = {}
            return NOTHING_REFUSED
        return Refused(**dict.fromkeys(current, True))


def _asked(command: tuple[float, float], odometry: Odometry) -> str:
    """The motion that was asked for and is not carried out, or ""."""
    vx, wz = command
    turns = ARM * abs(wz) > abs(vx)
    if turns and abs(wz) > LEAST_RATE and odometry.wz * wz < LEAST_SHARE * wz * wz:
        return "left" if wz > 0 else "right"
    if not turns and abs(vx) > LEAST_SPEED and odometry.vx * vx < LEAST_SHARE * vx * vx:
        if abs(wz) > STRAIGHT:
            return "left" if wz > 0 else "right"
        return "forward" if vx > 0 else "reverse"
    return ""
