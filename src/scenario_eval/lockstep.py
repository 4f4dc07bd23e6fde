"""The whole stack in one process and one thread: deterministic, as fast as the machine allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from autonomy_interfaces.messages import (
    MILLISECOND,
    Costmap,
    LaserScan,
    Odometry,
    Pose2D,
    VelocityCommand,
    nanoseconds,
)
from autonomy_nodes.decision.decision import DecisionInputs, DecisionOutput
from autonomy_nodes.decision.goal_lease import GoalLease
from autonomy_nodes.mission.mission import Mission
from autonomy_nodes.mission.state import MissionState
from autonomy_nodes.perception.publish_rate import PublishRate
from safety_monitor.monitor import MonitorOutput, SafetyMonitor
from scenario_eval.episode import Episode, TickRecord
from scenario_eval.lockstep_transport import Outbox, tell_monitor
from scenario_eval.options import StackOptions, default_parameter_files
from world_sim.faults.lockstep import LockstepProcesses
from world_sim.faults.processes import ProcessFaultSchedule
from world_sim.simulator import Measurement, Simulator

if TYPE_CHECKING:
    from scenario_eval.lockstep_gate import GatedGoals

__all__ = ["LockstepStack", "StackOptions", "default_parameter_files"]

TICK_NS = 20 * MILLISECOND
DECISION_RATE = 20.0
MISSION_RATE = 10.0
GOAL_LEASE_S = 1.0
NODES = ("perception", "mission", "decision", "safety_gate", "safety_monitor")


class LockstepStack:
    """Simulator, perception, decision, mission and safety monitor at one 50 Hz tick.

    Messages take one tick from core to core, as they take some milliseconds over DDS: a decision
    made on what was measured at a tick is heard by the monitor at the next. Perception is
    triggered by scans at its node's rate, and a costmap triggers a decision, as does a timer
    where none comes. The simulator's faults of processes act on the cores: one that does not
    run is not stepped, one that is started again is new, one that is slow is late.
    """

    def __init__(self, simulator: Simulator, options: StackOptions | None = None) -> None:
        """Build the cores from the same parameters as their nodes.

        Raises:
            ParameterError: a parameter file cannot be used.
            PolicyError: the policy is refused.
        """
        self.simulator = simulator
        self._options = options or StackOptions()
        self._processes = LockstepProcesses(simulator.seed)
        self._schedule = ProcessFaultSchedule(simulator.faults, self._processes)
        self._generations = dict.fromkeys(NODES, 0)
        self._scan: LaserScan | None = None
        self._odometry: Odometry | None = None
        self._given = VelocityCommand(0, 0.0, 0.0)
        self._ticks: list[TickRecord] = []
        self._hand_overs: list[tuple[int, str]] = []
        self._decisions: dict[str, int] = {}
        self._monitor: SafetyMonitor | None = None
        self._gate = self._options.gated_goals()
        for node in NODES:
            self._start(node)

    def _start(self, node: str) -> None:
        """Let a node begin with a fresh core; what it knew and had not sent is lost."""
        if node == "perception":
            self._perception = self._options.perception()
            self._perception_rate = PublishRate(DECISION_RATE)
            self._costmaps: Outbox[Costmap] = Outbox()
        elif node == "mission":
            self._mission = self._options.mission()
            self._mission_rate = PublishRate(MISSION_RATE)
            if self._gate is not None:
                self._gate.restart_mission()
        elif node == "decision":
            self._decision = self._options.decision()
            self._lease = GoalLease(GOAL_LEASE_S)
            self._costmap: Costmap | None = None
            self._decided_ns: int | None = None
            self._output: DecisionOutput | None = None
            self._outputs: Outbox[DecisionOutput] = Outbox()
        elif node == "safety_gate":
            if self._gate is not None:
                self._gate.restart_gate()
        elif self._options.monitor:
            self._monitor = self._options.safety_monitor()
            self._guarded: MonitorOutput | None = None
            self._commands: Outbox[VelocityCommand] = Outbox()

    def set_goal(self, goal: Pose2D) -> None:
        """Give the mission a goal in the odometry frame, with the gate's leave if there is one."""
        if self._gate is not None:
            self._gate.ask(goal, self.simulator.now_ns)
        else:
            self._mission.set_goal(goal, self.simulator.clock_ns)

    def cancel(self) -> None:
        """Cancel the goal, whether it is active or awaits leave.

        Raises:
            GoalError: there is none.
        """
        awaited = self._gate is not None and self._gate.withdraw()
        if not awaited or self._mission.active_goal is not None:
            self._mission.cancel(self.simulator.clock_ns)

    @property
    def mission(self) -> Mission:
        """The mission core."""
        return self._mission

    @property
    def gate(self) -> GatedGoals | None:
        """The safety gate and those who ask it, None where nobody does."""
        return self._gate

    @property
    def monitor(self) -> SafetyMonitor | None:
        """The safety monitor's core, None where nothing guards."""
        return self._monitor

    @property
    def odometry(self) -> Odometry | None:
        """The odometry that arrived last."""
        return self._odometry

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
        # The cores read the robot's clock, which a fault may set wrong; processes run in truth.
        self._true_ns, now_ns = self.simulator.now_ns, self.simulator.clock_ns
        self._play_process_faults()
        self._deliver_command(now_ns)
        self._deliver_measurements(measured, now_ns)
        self._decide_if_due(now_ns)
        if self._mission_rate.due(now_ns) and self._begin("mission") is not None:
            status = self._output.planner_status if self._output else None
            self._mission.step(self._odometry, status.value if status else "", now_ns)
        self._act(now_ns)
        if self._gate is not None:
            self._ask_gate(self._gate, now_ns)
        record = self._record()
        self._ticks.append(record)
        return record

    def _begin(self, node: str) -> int | None:
        """When the result of a step that `node` begins now is out; None: it cannot begin."""
        return self._processes.begin_step(node, self._true_ns)

    def _responds(self, node: str) -> bool:
        return self._processes.responsive(node, self._true_ns)

    def _play_process_faults(self) -> None:
        self._schedule.step(self._true_ns)
        for node, known in self._generations.items():
            generation = self._processes.generation(node)
            if generation != known:
                self._generations[node] = generation
                self._start(node)
        if not self._processes.running("decision"):
            self._output = None

    def _deliver_command(self, now_ns: int) -> None:
        """Let the decision of the tick before arrive, and repeat it as the node does."""
        if not self._responds("decision"):
            return
        for output in self._outputs.take(self._true_ns):
            self._output = output
        monitor = self._monitor if self._responds("safety_monitor") else None
        if monitor is not None and self._output is not None:
            wish = self._output.command
            monitor.on_command(now_ns, wish.vx, wish.wz, now_ns)

    def _deliver_measurements(self, measured: list[Measurement], now_ns: int) -> None:
        """Hand the measurements on to those who listen."""
        for measurement in measured:
            message = measurement.message
            if isinstance(message, LaserScan):
                self._scan = message
                if self._odometry is not None and self._perception_rate.due(message.stamp_ns):
                    self._perceive(message, self._odometry)
            elif isinstance(message, Odometry):
                self._odometry = message
                if self._responds("perception"):
                    self._perception.observe(message)
            if self._monitor is not None and self._responds("safety_monitor"):
                tell_monitor(self._monitor, message, now_ns)

    def _perceive(self, scan: LaserScan, odometry: Odometry) -> None:
        release_ns = self._begin("perception")
        if release_ns is not None:
            self._costmaps.put(release_ns, self._perception.step(scan, odometry))

    def _decide_if_due(self, now_ns: int) -> None:
        """Decide on a new costmap, or when the last decision is one and a half periods old."""
        costmaps = self._costmaps.take(self._true_ns) if self._responds("perception") else []
        if costmaps:
            self._costmap = costmaps[-1]
        late_ns = nanoseconds(1.5 / DECISION_RATE)
        late = self._decided_ns is not None and abs(now_ns - self._decided_ns) >= late_ns
        if costmaps or late:
            release_ns = self._begin("decision")
            if release_ns is not None:
                self._decided_ns = now_ns
                self._decide(now_ns, max(release_ns, self._true_ns + 1))

    def _decide(self, now_ns: int, release_ns: int) -> None:
        goal = self._goal(now_ns)
        inputs = DecisionInputs(self._scan, self._odometry, self._costmap, goal)
        output = self._decision.step(inputs, now_ns)
        self._outputs.put(release_ns, output)
        if goal is not None:
            self._decisions[output.driver] = self._decisions.get(output.driver, 0) + 1
        if output.event is not None:
            self._hand_overs.append((self._true_ns, output.driver))

    def _goal(self, now_ns: int) -> Pose2D | None:
        """The mission's goal, or the lease on it while the mission is silent."""
        if not self._responds("mission"):
            return self._lease.current(now_ns)
        goal = self._mission.active_goal
        if goal is not None:
            self._lease.hear(goal, now_ns)
        return goal

    def _ask_gate(self, gate: GatedGoals, now_ns: int) -> None:
        """Let the gate hear what its node hears, and the mission ask it."""
        gate_runs = self._begin("safety_gate") is not None
        if gate_runs:
            guarded = self._guarded if self._monitor else None
            place = self._odometry.pose if self._odometry else None
            arrived = self._mission.status.state is MissionState.REACHED
            gate.observe(str(guarded.state) if guarded else "", place, arrived, self._true_ns)
        goal = gate.step(self._true_ns, self._responds("mission"), gate_runs)
        if goal is not None:
            self._mission.set_goal(goal, now_ns)

    def _act(self, now_ns: int) -> None:
        """Command the base, through the monitor if there is one."""
        if self._monitor is None:
            if self._responds("decision"):
                wish = self._wish(now_ns)
                self._give(VelocityCommand(now_ns, wish.vx, wish.wz))
            return
        self._guarded = None
        release_ns = self._begin("safety_monitor")
        if release_ns is not None:
            self._guarded = guarded = self._monitor.step(now_ns, self._true_ns)
            self._commands.put(release_ns, VelocityCommand(now_ns, guarded.vx, guarded.wz))
        if self._responds("safety_monitor"):
            for command in self._commands.take(self._true_ns):
                self._give(command)

    def _give(self, command: VelocityCommand) -> None:
        self._given = command
        self.simulator.command(command)

    def _wish(self, now_ns: int) -> VelocityCommand:
        return self._output.command if self._output else VelocityCommand(now_ns, 0.0, 0.0)

    def _record(self) -> TickRecord:
        output, guarded = self._output, self._guarded if self._monitor else None
        state = "off" if self._monitor is None else "silent"
        status = output.planner_status if output else None
        return TickRecord(
            stamp_ns=self._true_ns,
            truth=self.simulator.ground_truth(),
            mission=self._mission.status.state.value,
            driver=output.driver if output else "none",
            reason=output.reason if output else "",
            planner_status=status.value if status else "",
            wish=self._wish(self._true_ns),
            monitor_state=str(guarded.state) if guarded else state,
            cause=guarded.cause if guarded else "",
            intervention=str(guarded.intervention) if guarded else "none",
            scale=guarded.scale if guarded else 1.0,
            command=self._given,
            gate=self._gate.state if self._gate else "",
        )
