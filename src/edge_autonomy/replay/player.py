"""Replays: the messages that a node heard go through its core again.

Order and time are those of publication: a message counts as heard before whatever was published
after it. That is what happened up to the milliseconds that a message was on its way, so a replay
of a run over DDS agrees in nearly all messages and not in all; see docs/replay.md.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from autonomy_interfaces.messages import Costmap, LaserScan, Odometry, VelocityCommand, seconds
from autonomy_interfaces.ros import (
    command_to_ros,
    costmap_from_ros,
    costmap_to_ros,
    odometry_from_ros,
    pose_from_ros,
    scan_from_ros,
    stamp_of,
)
from autonomy_nodes.decision.decision import DecisionInputs
from autonomy_nodes.decision.goal_lease import GoalLease
from autonomy_nodes.perception.publish_rate import PublishRate
from edge_autonomy.replay.agreement import Agreement
from edge_autonomy.replay.reading import Heard
from scenario_eval.options import StackOptions

OCCUPIED = 100
COSTMAP_RATE = 20.0
GOAL_LEASE_S = 1.0
Emit = Callable[[str, int, Any], None]
"""Takes topic, time of publication and ROS message of an output that was computed anew."""


class Replay(Protocol):
    """A node's core under replay."""

    agreements: list[Agreement]

    def hear(self, heard: Heard, at_s: float) -> None:
        """Take the next message of the recording, an input or an output to compare with."""


class PerceptionReplay:
    """Scans and odometry in, costmaps out.

    A recording may hold fewer costmaps than were computed; those that it has say which scans the
    node took.
    """

    def __init__(self, options: StackOptions, stamps: Iterable[int], emit: Emit) -> None:
        """Stamps: of the recorded costmaps, in order."""
        self._core = options.perception()
        self._recorded = frozenset(stamps)
        self._rate = PublishRate(COSTMAP_RATE)
        self._emit = emit
        self._odometry: Odometry | None = None
        self._computed: dict[int, Costmap] = {}
        self.newest: Costmap | None = None
        self._cells = Agreement("costmap obstacles apart", "share of cells", 0.02)
        self.agreements = [self._cells]

    def hear(self, heard: Heard, at_s: float) -> None:
        """See `Replay`."""
        if heard.topic == "/odom":
            self._odometry = odometry_from_ros(heard.message)
            self._core.observe(self._odometry)
        elif heard.topic == "/scan" and self._odometry is not None:
            self._take(scan_from_ros(heard.message), self._odometry, heard.published_ns)
        elif heard.topic == "/perception/costmap":
            recorded = costmap_from_ros(heard.message)
            computed = self._computed.pop(recorded.stamp_ns, None)
            if computed is not None:
                self._cells.add(at_s, _cells_apart(recorded, computed))

    def _take(self, scan: LaserScan, odometry: Odometry, published_ns: int) -> None:
        if scan.stamp_ns in self._recorded:
            # The node took this one: its grid of instants goes through here.
            self._rate = PublishRate(COSTMAP_RATE)
        if self._rate.due(scan.stamp_ns):
            self.newest = self._core.step(scan, odometry)
            if scan.stamp_ns in self._recorded:
                self._computed[scan.stamp_ns] = self.newest
                self._emit("/perception/costmap", published_ns, costmap_to_ros(self.newest))


class DecisionReplay:
    """Scans, odometry, the replayed costmap and the goal in; driver and command out.

    It decides when the node did, which its status says.
    """

    def __init__(
        self, options: StackOptions, costmap: Callable[[], Costmap | None], emit: Emit
    ) -> None:
        self._core = options.decision()
        self._costmap = costmap
        self._emit = emit
        self._lease = GoalLease(GOAL_LEASE_S)
        self._scan: LaserScan | None = None
        self._odometry: Odometry | None = None
        self._command_ns = self._now_ns = 0
        self._velocity = Agreement("decision velocity apart", "m/s or rad/s", 0.05)
        self._driver = Agreement("another driver", "0 or 1", 0.0)
        self.agreements = [self._velocity, self._driver]

    def hear(self, heard: Heard, at_s: float) -> None:
        """See `Replay`."""
        if heard.topic == "/scan":
            self._scan = scan_from_ros(heard.message)
        elif heard.topic == "/odom":
            self._odometry = odometry_from_ros(heard.message)
            self._now_ns = max(self._now_ns, self._odometry.stamp_ns)
        elif heard.topic == "/mission/goal":
            self._lease.hear(pose_from_ros(heard.message), self._now_ns)
        elif heard.topic == "/decision/cmd_vel":
            self._command_ns = stamp_of(heard.message.header.stamp)
        elif heard.topic == "/decision/status":
            self._decide(heard, at_s)

    def _decide(self, heard: Heard, at_s: float) -> None:
        """Decide at the time of the command that the status belongs to, and compare."""
        now_ns = self._command_ns or self._now_ns
        goal = self._lease.current(now_ns)
        inputs = DecisionInputs(self._scan, self._odometry, self._costmap(), goal)
        output = self._core.step(inputs, now_ns)
        said = {item.key: item.value for item in heard.message.values}
        apart = max(
            abs(output.command.vx - float(said["vx"])), abs(output.command.wz - float(said["wz"]))
        )
        # The status has four decimals.
        self._velocity.add(at_s, 0.0 if apart <= 5.1e-5 else apart)
        self._driver.add(at_s, float(output.driver != said["driver"]))
        for item in heard.message.values:
            if item.key in ("vx", "wz"):
                item.value = f"{getattr(output.command, item.key):.4f}"
            elif item.key == "driver":
                item.value = output.driver
        self._emit(heard.topic, heard.published_ns, heard.message)


class MonitorReplay:
    """Sensors and wishes in, commands and states out; it steps when the node did."""

    def __init__(self, options: StackOptions, emit: Emit) -> None:
        self._core = options.safety_monitor()
        self._emit = emit
        self._now_ns = 0
        self._state = ""
        self._velocity = Agreement("command apart", "m/s or rad/s", 0.05)
        self._states = Agreement("another state", "0 or 1", 0.0)
        self.agreements = [self._velocity, self._states]

    def hear(self, heard: Heard, at_s: float) -> None:
        """See `Replay`."""
        message = heard.message
        if heard.topic == "/cmd_vel":
            self._step(heard, at_s)
        elif heard.topic == "/safety/state":
            self._states.add(at_s, float(message.status[0].message != self._state))
            message.status[0].message = self._state
            self._emit(heard.topic, heard.published_ns, message)
        else:
            stamp_ns = stamp_of(message.header.stamp)
            self._now_ns = max(self._now_ns, stamp_ns)
            self._take(heard.topic, stamp_ns, message)

    def _take(self, topic: str, stamp_ns: int, message: Any) -> None:
        core, now_ns = self._core, self._now_ns
        if topic == "/scan":
            layout = (
                message.angle_min,
                message.angle_increment,
                message.range_min,
                message.range_max,
            )
            ranges = np.array(message.ranges, dtype=np.float32)
            core.on_scan("scan", stamp_ns, ranges, layout, now_ns)
        elif topic == "/odom":
            twist = message.twist.twist
            core.on_odometry(stamp_ns, twist.linear.x, twist.angular.z, now_ns)
        elif topic == "/imu":
            core.on_imu(stamp_ns, message.angular_velocity.z, now_ns)
        elif topic == "/decision/cmd_vel":
            twist = message.twist
            core.on_command(stamp_ns, twist.linear.x, twist.angular.z, now_ns)

    def _step(self, heard: Heard, at_s: float) -> None:
        now_ns, twist = stamp_of(heard.message.header.stamp), heard.message.twist
        self._now_ns = max(self._now_ns, now_ns)
        output = self._core.step(now_ns, heard.published_ns)
        self._state = str(output.state)
        apart = max(abs(output.vx - twist.linear.x), abs(output.wz - twist.angular.z))
        self._velocity.add(at_s, apart)
        command = VelocityCommand(now_ns, output.vx, output.wz)
        self._emit(heard.topic, heard.published_ns, command_to_ros(command))


TOPICS = {
    "perception": ("/scan", "/odom", "/perception/costmap"),
    "decision": ("/scan", "/odom", "/mission/goal", "/decision/cmd_vel", "/decision/status"),
    "monitor": ("/scan", "/odom", "/imu", "/decision/cmd_vel", "/cmd_vel", "/safety/state"),
}
"""What each replay hears; decision takes its costmap from the replay of perception."""


def replay(
    messages: list[Heard],
    nodes: Iterable[str],
    options: StackOptions,
    emit: Emit = lambda topic, published_ns, message: None,
) -> dict[str, list[Agreement]]:
    """Replay a recording through some nodes.

    Args:
        messages: of the recording, by time of publication.
        nodes: of `TOPICS`.
        options: parameters and policy; they should be those of the recording.
        emit: takes the outputs that were computed anew.

    Returns:
        The agreements of each node.
    """
    wanted = set(nodes)
    stamps = sorted(
        stamp_of(heard.message.header.stamp)
        for heard in messages
        if heard.topic == "/perception/costmap"
    )
    perception = PerceptionReplay(options, stamps, emit)
    players: dict[str, Replay] = {}
    if wanted & {"perception", "decision"}:
        players["perception"] = perception
    if "decision" in wanted:
        players["decision"] = DecisionReplay(options, lambda: perception.newest, emit)
    if "monitor" in wanted:
        players["monitor"] = MonitorReplay(options, emit)
    began_ns = messages[0].published_ns if messages else 0
    for heard in messages:
        at_s = seconds(heard.published_ns - began_ns)
        for name, player in players.items():
            if heard.topic in TOPICS[name]:
                player.hear(heard, at_s)
    return {name: player.agreements for name, player in players.items() if name in wanted}


def clip(messages: list[Heard], from_s: float, to_s: float) -> list[Heard]:
    """The messages from one second of a recording to another."""
    if not messages:
        return []
    times = [heard.published_ns for heard in messages]
    first = bisect.bisect_left(times, times[0] + round(from_s * 1e9))
    last = bisect.bisect_right(times, times[0] + round(to_s * 1e9))
    return messages[first:last]


def _cells_apart(recorded: Costmap, computed: Costmap) -> float:
    """Share of the obstacle cells of either that have none of the other's within a cell.

    Whether a beam at a cell's border falls to its left or right depends on the very odometry
    message that was the newest, which a recording does not tell.
    """
    cell = recorded.resolution
    columns = round((computed.origin_x - recorded.origin_x) / cell)
    rows = round((computed.origin_y - recorded.origin_y) / cell)
    theirs = _overlap(recorded.data, rows, columns) == OCCUPIED
    ours = _overlap(computed.data, -rows, -columns) == OCCUPIED
    if theirs.shape != ours.shape or not theirs.size:
        return 1.0
    near = np.ones((3, 3), dtype=bool)
    apart = (theirs & ~binary_dilation(ours, near)) | (ours & ~binary_dilation(theirs, near))
    return float(apart.sum() / max(1, (theirs | ours).sum()))


def _overlap(data: NDArray[np.int8], rows: int, columns: int) -> NDArray[np.int8]:
    """What a window shares with one that lies `rows` and `columns` further."""
    height, width = data.shape
    part: NDArray[np.int8] = data[
        max(rows, 0) : height + min(rows, 0), max(columns, 0) : width + min(columns, 0)
    ]
    return part
