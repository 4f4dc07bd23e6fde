"""BARN runs of the real stack: one process per node, judged by the same rules as in lockstep."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rosgraph_msgs.msg import Clock

from autonomy_interfaces.ros import SENSOR_QOS, STATE_QOS, pose_to_ros, stamp_of
from autonomy_interfaces.share import share_directory
from edge_autonomy.demo.domain import RosDomain
from edge_autonomy.demo.stack import DemoError, check_alive, last_words
from edge_autonomy.launch import RunningLaunch, start
from scenario_eval.barn import (
    GOAL_IN_ODOM,
    START,
    BarnError,
    BarnJudge,
    BarnResult,
    BarnStatus,
    BarnWorld,
)
from scenario_eval.barn_campaign import RUN_LIMIT_S, BarnRun, RunOptions, seconds_of

STARTUP_TIMEOUT_S = 180.0
RUN_TIMEOUT_S = 900.0
"""Wall time after which a run is given up, however slowly the machine simulates."""
GOAL_PERIOD_S = 0.5
PASSING_STATES = ("nominal", "degraded")


class Witness:
    """Gives the goal, and hears what a run needs to be judged by."""

    def __init__(self, judge: BarnJudge) -> None:
        """Join the ROS graph as the node `barn`."""
        self._judge = judge
        self._context = Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node("barn", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._goal_publisher = self._node.create_publisher(PoseStamped, "/goal_pose", 1)
        node = self._node
        node.create_subscription(Clock, "/clock", self._on_clock, SENSOR_QOS)
        node.create_subscription(DiagnosticStatus, "/sim/contacts", self._on_truth, 10)
        node.create_subscription(DiagnosticStatus, "/decision/status", self._on_decision, 10)
        node.create_subscription(DiagnosticArray, "/safety/state", self._on_state, STATE_QOS)
        node.create_subscription(DiagnosticStatus, "/mission/status", self._on_mission, STATE_QOS)
        self._now_ns = 0
        self._position: tuple[float, float] | None = None
        self._intervening = False
        self._ticks: dict[str, int] = {}
        self.passing = False
        self.deciding = False
        self.active = False
        self.result: BarnResult | None = None
        self.contact = ""
        self.path_m = 0.0
        self.interventions = 0

    @property
    def policy_tick_share(self) -> float:
        """Share of the decisions with an active goal that the policy drove; 0 without any."""
        total = sum(self._ticks.values())
        return self._ticks.get("policy", 0) / total if total else 0.0

    @property
    def simulated_s(self) -> float:
        """Newest time of the simulator's clock."""
        return seconds_of(self._now_ns)

    def give_goal(self) -> None:
        """Publish the protocol's goal, in the odometry frame."""
        self._goal_publisher.publish(pose_to_ros(GOAL_IN_ODOM, "odom", self._now_ns))

    def spin_once(self) -> None:
        """Take in what comes next."""
        self._executor.spin_once(timeout_sec=0.1)

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def _on_clock(self, message: Clock) -> None:
        self._now_ns = stamp_of(message.clock)

    def _on_truth(self, message: DiagnosticStatus) -> None:
        if not self.active or self.result is not None:
            return
        values = _values(message)
        x, y = float(values["x"]), float(values["y"])
        if self._position is not None:
            self.path_m += ((x - self._position[0]) ** 2 + (y - self._position[1]) ** 2) ** 0.5
        self._position = (x, y)
        self.contact = self.contact or values["contact"]
        self.result = self._judge.observe(self._now_ns, x, y, values["contact"])

    def _on_decision(self, message: DiagnosticStatus) -> None:
        self.deciding = True
        values = _values(message)
        if self.active and self.result is None and values["reason"] != "no_goal":
            self._ticks[values["driver"]] = self._ticks.get(values["driver"], 0) + 1

    def _on_state(self, message: DiagnosticArray) -> None:
        status = message.status[0]
        self.passing = status.message in PASSING_STATES
        intervening = self.active and _values(status)["intervention"] != "none"
        self.interventions += intervening and not self._intervening
        self._intervening = intervening

    def _on_mission(self, message: DiagnosticStatus) -> None:
        self.active = self.active or _values(message)["state"] == "active"


def _values(message: DiagnosticStatus) -> dict[str, str]:
    return {pair.key: pair.value for pair in message.values}


def run_over_dds(world: BarnWorld, run: int, options: RunOptions) -> BarnRun:
    """One run of the launched stack; its number is the simulator's seed.

    Raises:
        BarnError: the stack does not start, or breaks down.
    """
    arguments = {
        "world": str(world.file.resolve()),
        "spawn_x": str(START.x),
        "spawn_y": str(START.y),
        "spawn_yaw": str(START.yaw),
        "seed": str(run),
        "driver": options.driver,
    }
    if options.policy is not None:
        arguments["policy"] = str(options.policy.resolve())
    domain = RosDomain()
    asked = os.environ.get("ROS_DOMAIN_ID")
    os.environ["ROS_DOMAIN_ID"] = str(domain.id)
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    witness = Witness(BarnJudge(world.length_m))
    try:
        with start(share_directory() / "launch" / "sim.launch.yaml", arguments) as launch:
            _drive(launch, witness)
    except DemoError as error:
        raise BarnError(f"world {world.index}, run {run}: {error}") from error
    finally:
        witness.close()
        domain.release()
        if asked is None:
            del os.environ["ROS_DOMAIN_ID"]
    return BarnRun(
        world.index,
        run,
        witness.result or BarnResult(BarnStatus.TIMED_OUT, RUN_LIMIT_S, 0.0),
        witness.policy_tick_share,
        witness.interventions,
        witness.path_m,
        witness.contact,
    )


def _drive(launch: RunningLaunch, witness: Witness) -> None:
    """Wait for the stack, give the goal, and watch until the run is judged."""
    _spin(launch, witness, lambda: witness.passing and witness.deciding, STARTUP_TIMEOUT_S)
    given = 0.0
    deadline = time.monotonic() + STARTUP_TIMEOUT_S
    while not witness.active:
        if time.monotonic() - given >= GOAL_PERIOD_S:
            given = time.monotonic()
            witness.give_goal()
        witness.spin_once()
        check_alive(launch)
        if time.monotonic() > deadline:
            raise DemoError(f"mission took no goal; it said:\n{last_words(launch, 'mission')}")
    over = witness.simulated_s + RUN_LIMIT_S
    _spin(
        launch,
        witness,
        lambda: witness.result is not None or witness.simulated_s >= over,
        RUN_TIMEOUT_S,
    )


def _spin(
    launch: RunningLaunch, witness: Witness, condition: Callable[[], bool], timeout_s: float
) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        witness.spin_once()
        check_alive(launch)
        if time.monotonic() > deadline:
            said = last_words(launch, "safety_monitor")
            raise DemoError(f"nothing after {timeout_s:.0f} s; safety_monitor said:\n{said}")


def run_campaign_over_dds(
    worlds: Sequence[BarnWorld],
    runs: int,
    options: RunOptions,
    report: Callable[[BarnRun], None],
) -> list[BarnRun]:
    """All runs over DDS, one after the other; `report` hears of each as it ends.

    Raises:
        BarnError: the monitor is to be left out (it is the only publisher of `/cmd_vel`), or the
            stack does not start.
    """
    if not options.monitor:
        raise BarnError("--no-monitor: over DDS nothing else moves the robot; use --mode lockstep")
    done = []
    for world in worlds:
        for run in range(runs):
            done.append(run_over_dds(world, run, options))
            report(done[-1])
    return done
