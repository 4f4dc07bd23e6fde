"""The whole stack in one process and one thread: deterministic, as fast as the machine allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autonomy_interfaces.messages import (
    MILLISECOND,
    Costmap,
    Imu,
    LaserScan,
    Odometry,
    Pose2D,
    VelocityCommand,
    nanoseconds,
)
from autonomy_interfaces.parameters import load_config
from autonomy_interfaces.share import share_directory
from autonomy_nodes.decision.contract import load_policy
from autonomy_nodes.decision.decision import (
    Decision,
    DecisionConfig,
    DecisionInputs,
    DecisionOutput,
)
from autonomy_nodes.decision.runtime import PolicyRunner
from autonomy_nodes.mission.mission import Mission, MissionConfig
from autonomy_nodes.perception.costmap import LocalCostmap, PerceptionConfig
from autonomy_nodes.perception.publish_rate import PublishRate
from autonomy_nodes.planning.planner import Planner, PlannerConfig
from safety_monitor.config import MonitorConfig
from safety_monitor.monitor import SafetyMonitor
from scenario_eval.episode import Episode, TickRecord
from world_sim.simulator import Measurement, Simulator

TICK_NS = 20 * MILLISECOND
DECISION_RATE = 20.0
MISSION_RATE = 10.0


def default_parameter_files() -> tuple[Path, ...]:
    """The parameter files that the launch files use too."""
    config = share_directory() / "config"
    return config / "robot.yaml", config / "stack.yaml"


@dataclass(frozen=True)
class StackOptions:
    """Which stack is wired.

    driver: default, policy or fallback, as of the decision node. policy: directory of the
    policy, None for the one that is shipped. monitor: whether the safety monitor guards; without
    it the base gets what decision asks for. overrides: parameters by node name, over the files'.
    """

    driver: str = "default"
    policy: Path | None = None
    monitor: bool = True
    parameter_files: tuple[Path, ...] = field(default_factory=default_parameter_files)
    overrides: dict[str, dict[str, Any]] = field(default_factory=dict)

    def load(self, config_type: type[Any], node_name: str) -> Any:
        """The configuration of a core, as its node would get it."""
        return load_config(
            config_type, self.parameter_files, node_name, self.overrides.get(node_name)
        )


class LockstepStack:
    """Simulator, perception, decision, mission and safety monitor at one 50 Hz tick.

    Messages take one tick from core to core, as they take some milliseconds over DDS: a decision
    made on what was measured at a tick is heard by the monitor at the next. Perception is
    triggered by scans at its node's rate, and a costmap triggers a decision.
    """

    def __init__(self, simulator: Simulator, options: StackOptions | None = None) -> None:
        """Build the cores from the same parameters as their nodes.

        Raises:
            ParameterError: a parameter file cannot be used.
            PolicyError: the policy is refused.
        """
        options = options or StackOptions()
        self.simulator = simulator
        self._perception = LocalCostmap(options.load(PerceptionConfig, "perception"))
        self._perception_rate = PublishRate(DECISION_RATE)
        self._mission = Mission(options.load(MissionConfig, "mission"))
        self._mission_rate = PublishRate(MISSION_RATE)
        decision_config = options.load(DecisionConfig, "decision")
        planner = Planner(options.load(PlannerConfig, "decision"))
        decision_config, policy = _driver(options, decision_config)
        self._decision = Decision(decision_config, policy, planner)
        self._monitor: SafetyMonitor | None = None
        if options.monitor:
            self._monitor = SafetyMonitor(options.load(MonitorConfig, "safety_monitor"))
        self._scan: LaserScan | None = None
        self._odometry: Odometry | None = None
        self._output: DecisionOutput | None = None
        self._in_flight: DecisionOutput | None = None
        self._ticks: list[TickRecord] = []
        self._hand_overs: list[tuple[int, str]] = []
        self._decisions: dict[str, int] = {}

    def set_goal(self, goal: Pose2D) -> None:
        """Give the mission a goal in the odometry frame."""
        self._mission.set_goal(goal, self.simulator.now_ns)

    @property
    def mission(self) -> Mission:
        """The mission core."""
        return self._mission

    def episode(self) -> Episode:
        """Everything recorded so far."""
        return Episode(tuple(self._ticks), tuple(self._hand_overs), dict(self._decisions))

    def run(self, until: Callable[[TickRecord], bool], limit_s: float) -> Episode:
        """Tick until `until` says so of a record, or `limit_s` simulated seconds have passed."""
        end_ns = self.simulator.now_ns + nanoseconds(limit_s)
        while self.simulator.now_ns < end_ns:
            if until(self.tick()):
                break
        return self.episode()

    def tick(self) -> TickRecord:
        """Advance everything by 20 ms of simulated time."""
        measured = self.simulator.advance(TICK_NS)
        now_ns = self.simulator.now_ns
        self._deliver_command(now_ns)
        costmap = self._deliver_measurements(measured, now_ns)
        if costmap is not None:
            self._decide(costmap, now_ns)
        if self._mission_rate.due(now_ns):
            status = self._output.planner_status if self._output else None
            self._mission.step(self._odometry, status.value if status else "", now_ns)
        record = self._act(now_ns)
        self._ticks.append(record)
        return record

    def _deliver_command(self, now_ns: int) -> None:
        """Let the decision of the tick before arrive, and repeat it as the node does."""
        if self._in_flight is not None:
            self._output, self._in_flight = self._in_flight, None
        if self._monitor is not None and self._output is not None:
            wish = self._output.command
            self._monitor.on_command(now_ns, wish.vx, wish.wz, now_ns)

    def _deliver_measurements(self, measured: list[Measurement], now_ns: int) -> Costmap | None:
        """Hand the measurements on; returns the costmap if perception made one."""
        costmap = None
        for measurement in measured:
            message = measurement.message
            if isinstance(message, LaserScan):
                self._scan = message
                if self._odometry is not None and self._perception_rate.due(message.stamp_ns):
                    costmap = self._perception.step(message, self._odometry)
            elif isinstance(message, Odometry):
                self._odometry = message
                self._perception.observe(message)
            if self._monitor is not None:
                _tell(self._monitor, message, now_ns)
        return costmap

    def _decide(self, costmap: Costmap, now_ns: int) -> None:
        goal = self._mission.active_goal
        output = self._decision.step(
            DecisionInputs(self._scan, self._odometry, costmap, goal), now_ns
        )
        self._in_flight = output
        if goal is not None:
            self._decisions[output.driver] = self._decisions.get(output.driver, 0) + 1
        if output.event is not None:
            self._hand_overs.append((now_ns, output.driver))

    def _act(self, now_ns: int) -> TickRecord:
        """Command the base, through the monitor if there is one, and record the tick."""
        output = self._output
        wish = output.command if output else VelocityCommand(now_ns, 0.0, 0.0)
        state, cause, intervention, scale = "off", "", "none", 1.0
        command = VelocityCommand(now_ns, wish.vx, wish.wz)
        if self._monitor is not None:
            guarded = self._monitor.step(now_ns)
            state, cause = str(guarded.state), guarded.cause
            intervention, scale = str(guarded.intervention), guarded.scale
            command = VelocityCommand(now_ns, guarded.vx, guarded.wz)
        self.simulator.command(command)
        status = output.planner_status if output else None
        return TickRecord(
            stamp_ns=now_ns,
            truth=self.simulator.ground_truth(),
            mission=self._mission.status.state.value,
            driver=output.driver if output else "none",
            reason=output.reason if output else "",
            planner_status=status.value if status else "",
            wish=wish,
            monitor_state=state,
            cause=cause,
            intervention=intervention,
            scale=scale,
            command=command,
        )


def _driver(
    options: StackOptions, config: DecisionConfig
) -> tuple[DecisionConfig, PolicyRunner | None]:
    """The decision's configuration for the asked driver, and its policy if it has one."""
    from dataclasses import replace

    config = replace(config, driver=options.driver)
    if options.driver == "fallback":
        return config, None
    return config, load_policy(options.policy or share_directory() / "models" / "default")


def _tell(monitor: SafetyMonitor, message: LaserScan | Imu | Odometry, now_ns: int) -> None:
    """Hand one measurement to the monitor in its own terms."""
    if isinstance(message, LaserScan):
        monitor.on_scan(
            "scan",
            message.stamp_ns,
            message.ranges,
            message.angle_min,
            message.angle_increment,
            message.range_min,
            message.range_max,
            now_ns,
        )
    elif isinstance(message, Odometry):
        monitor.on_odometry(message.stamp_ns, message.vx, message.wz, now_ns)
    else:
        monitor.on_imu(message.stamp_ns, message.angular_velocity[2], now_ns)
