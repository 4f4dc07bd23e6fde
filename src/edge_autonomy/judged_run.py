"""One run of the launched stack for a judge: started, given a goal, watched until it is over."""

from __future__ import annotations

import math
import os
import reprlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rosgraph_msgs.msg import Clock

from autonomy_interfaces.messages import Pose2D, seconds
from autonomy_interfaces.ros import SENSOR_QOS, STATE_QOS, pose_to_ros, stamp_of
from autonomy_interfaces.share import share_directory
from edge_autonomy.demo.domain import RosDomain
from edge_autonomy.demo.stack import DemoError, check_alive, last_words
from edge_autonomy.launch import RunningLaunch, start

STARTUP_TIMEOUT_S = 180.0
RUN_TIMEOUT_S = 900.0
"""Wall time after which a run is given up, however slowly the machine simulates."""
GOAL_PERIOD_S = 0.5
SETTLING_S = 1.0
"""Simulated time for which the monitor finds nothing wrong before a goal is given."""

ResultT = TypeVar("ResultT")
ResultT_co = TypeVar("ResultT_co", covariant=True)


class Judge(Protocol[ResultT_co]):
    """Watches the ground truth of a run and says when it is over."""

    def observe(self, stamp_ns: int, x: float, y: float, contact: str) -> ResultT_co | None:
        """Take a place, world frame, and the model touched or ""; returns the result, if any."""


class Witness(Generic[ResultT]):
    """Gives the goal, and hears what a run needs to be judged by."""

    def __init__(self, judge: Judge[ResultT], goal: Pose2D) -> None:
        """Join the ROS graph as the node `witness`; goal: in the odometry frame."""
        self._judge = judge
        self._goal = goal
        self._context = Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node("witness", context=self._context)
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
        self._given = False
        self._calm_since_ns: int | None = None
        self.deciding = False
        self.watching = False
        self.active = False
        self.result: ResultT | None = None
        self.mission_state = ""
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
        return seconds(self._now_ns)

    @property
    def ready(self) -> bool:
        """Whether the stack has been ready to drive for a while, and nothing would go unseen.

        Each link between two processes is found for itself, which takes up to some seconds, and
        those that start beside each other on few cores hold each other up until then.
        """
        calm = self._calm_since_ns
        settled = calm is not None and seconds(self._now_ns - calm) >= SETTLING_S
        return settled and self.deciding and self.watching and self.mission_state != ""

    def give_goal(self) -> None:
        """Publish the goal; from now on the judge watches, that no motion goes unseen."""
        self._given = True
        self._goal_publisher.publish(pose_to_ros(self._goal, "odom", self._now_ns))

    def spin_once(self) -> None:
        """Take in what comes next.

        Raises:
            DemoError: it is nothing that a run can be judged by.
        """
        self._executor.spin_once(timeout_sec=0.1)

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def _on_clock(self, message: Clock) -> None:
        self._now_ns = stamp_of(message.clock)

    def _on_truth(self, message: DiagnosticStatus) -> None:
        self.watching = True
        if not self._given or self.result is not None:
            return
        values = _Values("/sim/contacts", message)
        x, y, contact = values.number("x"), values.number("y"), values.text("contact")
        if self._position is not None:
            self.path_m += ((x - self._position[0]) ** 2 + (y - self._position[1]) ** 2) ** 0.5
        self._position = (x, y)
        self.contact = self.contact or contact
        self.result = self._judge.observe(values.integer("stamp_ns"), x, y, contact)

    def _on_decision(self, message: DiagnosticStatus) -> None:
        self.deciding = True
        values = _Values("/decision/status", message)
        if self.active and self.result is None and values.text("reason") != "no_goal":
            driver = values.text("driver")
            self._ticks[driver] = self._ticks.get(driver, 0) + 1

    def _on_state(self, message: DiagnosticArray) -> None:
        if not message.status:
            raise DemoError("/safety/state holds no status, and a run is judged by it")
        status = message.status[0]
        if status.message != "nominal":
            self._calm_since_ns = None
        elif self._calm_since_ns is None:
            self._calm_since_ns = self._now_ns
        intervention = _Values("/safety/state", status).text("intervention")
        intervening = self.active and intervention != "none"
        self.interventions += intervening and not self._intervening
        self._intervening = intervening

    def _on_mission(self, message: DiagnosticStatus) -> None:
        self.mission_state = _Values("/mission/status", message).text("state")
        self.active = self.active or self.mission_state == "active"


class _Values:
    """The values of a status; those that a run cannot be judged without end it.

    Its methods raise DemoError where a value is missing, or is not what it stands for.
    """

    def __init__(self, topic: str, message: DiagnosticStatus) -> None:
        self._topic = topic
        self._values: dict[str, str] = {pair.key: pair.value for pair in message.values}

    def text(self, key: str) -> str:
        """The value as it is."""
        if key not in self._values:
            raise self._unfit(key, "is missing")
        return self._values[key]

    def number(self, key: str) -> float:
        """A finite number."""
        try:
            value = float(self.text(key))
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self._unfit(key, f"is {reprlib.repr(self.text(key))}, expected a number")
        return value

    def integer(self, key: str) -> int:
        """A whole number."""
        try:
            return int(self.text(key))
        except ValueError:
            words = f"is {reprlib.repr(self.text(key))}, expected a whole number"
            raise self._unfit(key, words) from None

    def _unfit(self, key: str, words: str) -> DemoError:
        return DemoError(
            f"{self._topic}: {key} {words}; let none but this stack publish it in ROS domain "
            f"{os.environ.get('ROS_DOMAIN_ID', '0')}"
        )


@contextmanager
def running_stack(arguments: Mapping[str, str]) -> Iterator[RunningLaunch]:
    """The stack in simulation, launched with `arguments`, in a ROS domain of its own."""
    domain = RosDomain()
    asked = os.environ.get("ROS_DOMAIN_ID")
    os.environ["ROS_DOMAIN_ID"] = str(domain.id)
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    try:
        with start(share_directory() / "launch" / "sim.launch.yaml", arguments) as launch:
            yield launch
    finally:
        domain.release()
        if asked is None:
            del os.environ["ROS_DOMAIN_ID"]


def drive(launch: RunningLaunch, witness: Witness[ResultT], limit_s: float) -> None:
    """Wait for the stack, give the goal, and watch until the run is judged or `limit_s` is over.

    Raises:
        DemoError: the stack does not start, breaks down, or says what cannot be judged.
    """
    _spin(launch, witness, lambda: witness.ready, STARTUP_TIMEOUT_S)
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
    over = witness.simulated_s + limit_s
    _spin(
        launch,
        witness,
        lambda: witness.result is not None or witness.simulated_s >= over,
        RUN_TIMEOUT_S,
    )


def _spin(
    launch: RunningLaunch,
    witness: Witness[ResultT],
    condition: Callable[[], bool],
    timeout_s: float,
) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        witness.spin_once()
        check_alive(launch)
        if time.monotonic() > deadline:
            said = last_words(launch, "safety_monitor")
            raise DemoError(f"nothing after {timeout_s:.0f} s; safety_monitor said:\n{said}")
