"""The decision core: one command per tick, from the policy or from the planner that backs it.

Every tick ends in a command and says why. Without a goal, or with inputs that are missing or
old, it is zero. Otherwise the policy proposes; where its proposal may not be driven, the
classical planner drives, and the policy gets the wheel back after a run of good proposals.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.messages import (
    Costmap,
    Odometry,
    Pose2D,
    VelocityCommand,
    nanoseconds,
)
from autonomy_nodes.decision.config import DecisionConfig
from autonomy_nodes.decision.features import Observation
from autonomy_nodes.decision.handover import (
    DriverSelector,
    Fault,
    Mode,
)
from autonomy_nodes.decision.plausible import (
    plausible_costmap,
    plausible_goal,
    plausible_odometry,
    plausible_scan,
)
from autonomy_nodes.decision.proposal import PolicyPilot, Proposal
from autonomy_nodes.decision.rollout import RolloutConfig, StoppingRollout
from autonomy_nodes.decision.roster import Roster, SwapLimits
from autonomy_nodes.decision.runtime import PolicyRunner
from autonomy_nodes.decision.stall import StallLimits, StallWatch
from autonomy_nodes.decision.tick import (
    NO_PATH,
    DecisionInputs,
    DecisionOutput,
    explained,
    halt,
)
from autonomy_nodes.decision.velocity_limits import VelocityLimits
from autonomy_nodes.planning.planner import Plan, PlanStatus
from autonomy_nodes.tracking.moving_bodies import MovingBodies

__all__ = ["Decision", "DecisionConfig", "DecisionInputs", "DecisionOutput", "GuidedPlanner"]


class GuidedPlanner(Protocol):
    """What the core asks the classical planner to be."""

    def plan(
        self,
        costmap: Costmap,
        odometry: Odometry,
        goal: Pose2D,
        now_ns: int,
        bodies: NDArray[np.float64],
    ) -> Plan:
        """A command towards `goal` (odom frame), with its path."""

    def guide(self, costmap: Costmap, odometry: Odometry, goal: Pose2D) -> NDArray[np.float64]:
        """The global search alone: (M, 2) path in odom; M = 0 where there is none."""

    def look_ahead(self, costmap: Costmap, odometry: Odometry, goal: Pose2D) -> None:
        """Do now what the next tick can begin with."""


class Decision:
    """Chooses the driver of each tick and returns its command."""

    def __init__(
        self,
        config: DecisionConfig,
        policy: PolicyRunner | None,
        planner: GuidedPlanner,
        retire: Callable[[PolicyRunner], None] = lambda policy: None,
    ):
        """Wire the core; `retire` is told of each policy that is needed no more.

        Raises:
            ValueError: `config.driver` is unknown, or is `policy` and there is no policy.
        """
        modes = [mode.value for mode in Mode]
        if config.driver not in modes:
            raise ValueError(f"driver: found '{config.driver}', expected one of {modes}")
        if policy is None and config.driver == Mode.POLICY.value:
            raise ValueError("driver 'policy' needs a policy; use 'default' or 'fallback'")
        self._config = config
        self._planner = planner
        self._mode = Mode(config.driver)
        self._rollout = StoppingRollout(
            RolloutConfig(
                config.footprint,
                config.collision_margin,
                config.collision_reaction,
                config.linear_acceleration,
                config.angular_acceleration,
                config.linear_deceleration,
                config.angular_deceleration,
                config.body_hold,
                config.body_margin,
            )
        )
        self._limits = VelocityLimits(
            config.min_linear_velocity, config.max_linear_velocity, config.max_angular_velocity
        )
        swap = SwapLimits(
            config.swap_shadow_ticks,
            config.swap_shadow_faults,
            config.swap_probation_ticks,
            config.swap_probation_faults,
        )
        self.roster = Roster(self._pilot_of, policy, swap, retire)
        self._selector = DriverSelector(self._mode, config.return_ticks)
        self._stall = StallWatch(
            StallLimits(
                config.stall_distance,
                config.stall_time,
                config.guide_progress,
                config.guide_progress_time,
                config.stall_penalty,
            )
        )
        self._changes = 0
        self._moving = MovingBodies(config.footprint, config.lidar_pose, config.odometry_timeout)
        self._goal: Pose2D | None = None
        self._last_ns = 0
        self._seen: tuple[Observation, VelocityCommand] | None = None
        self._ahead: tuple[Costmap, Odometry, Pose2D] | None = None

    def step(self, inputs: DecisionInputs, now_ns: int) -> DecisionOutput:
        """Decide the command of the tick at `now_ns`; a clock that goes back starts afresh.

        Call `look_ahead` when the command is out; where nobody does, the next tick begins with it.
        """
        goal = plausible_goal(inputs.goal)
        if now_ns < self._last_ns:
            self._moving.reset()
        if goal != self._goal or now_ns < self._last_ns:
            self._start_goal(goal)
        self._last_ns = now_ns
        self._seen = None
        scan = _fresh(plausible_scan(inputs.scan), self._config.scan_timeout, now_ns)
        odometry = _fresh(
            plausible_odometry(inputs.odometry), self._config.odometry_timeout, now_ns
        )
        if scan is not None and odometry is not None:
            self._moving.update(scan, odometry)
        if goal is None:
            return halt("no_goal", now_ns)
        costmap = _fresh(plausible_costmap(inputs.costmap), self._config.costmap_timeout, now_ns)
        if scan is None:
            return halt("stale_scan", now_ns)
        if odometry is None:
            return halt("stale_odometry", now_ns)
        if costmap is None:
            return halt("stale_costmap", now_ns)
        if math.hypot(goal.x - odometry.x, goal.y - odometry.y) <= self._config.goal_tolerance:
            return halt("reached", now_ns, PlanStatus.REACHED)
        self.look_ahead()
        self._ahead = (costmap, odometry, goal)
        bodies, yaw = self._moving.at(now_ns), self._config.lidar_pose[2]
        if self.roster.idle:
            observation = Observation(scan, odometry, goal, NO_PATH, costmap, yaw, bodies)
            output = self._plan(observation, now_ns, self._undriven())
        else:
            guide = self._planner.guide(costmap, odometry, goal)
            observation = Observation(scan, odometry, goal, guide, costmap, yaw, bodies)
            output = self._drive(observation, now_ns)
            self._seen = (observation, output.command)
        return replace(output, bodies=bodies)

    def observe_shadows(self) -> None:
        """Let a policy that watches answer the last tick's observation.

        Call it once after each `step`, when the command is out: it may take as long as that
        policy's latency budget, and no command's content depends on it.
        """
        if self._seen is not None:
            self.roster.observe(*self._seen)
            self._seen = None

    def look_ahead(self) -> None:
        """Search the way for the next tick over the last one's map; no command waits for it."""
        if self._ahead is not None:
            self._planner.look_ahead(*self._ahead)
            self._ahead = None

    def _pilot_of(self, policy: PolicyRunner) -> PolicyPilot:
        return PolicyPilot(policy, self._rollout, self._limits)

    def _undriven(self) -> str:
        """Why no policy is asked at all."""
        return "driver_fallback" if self._mode is Mode.FALLBACK else "no_policy"

    def _start_goal(self, goal: Pose2D | None) -> None:
        self._goal = goal
        self._ahead = None
        self._stall.reset()
        self.roster.reset()

    def _drive(self, observation: Observation, now_ns: int) -> DecisionOutput:
        """Let the policy propose, choose the driver, and take that driver's command."""
        proposal = None if self._mode is Mode.FALLBACK else self.roster.propose(observation)
        if proposal is None:
            return self._plan(observation, now_ns, self._undriven())
        way = _way_to(observation.goal, observation.odometry.pose, observation.guide)
        fault = self._fault_of(proposal, observation, way, now_ns)
        event = self._selector.update(fault, now_ns)
        if self._selector.driver == "fallback":
            reason = fault.reason if fault else "returning"
            return explained(self._back_up(observation, now_ns, reason), proposal, event, way)
        status = _guide_status(observation.guide)
        if not proposal.answered:
            reason = proposal.fault.reason if proposal.fault else "failed"
            return explained(halt(reason, now_ns, status), proposal, event, way)
        command = VelocityCommand(now_ns, proposal.vx, proposal.wz)
        output = DecisionOutput(command, "policy", "", status, observation.guide)
        return explained(output, proposal, event, way)

    def _fault_of(
        self, proposal: Proposal, observation: Observation, way: float, now_ns: int
    ) -> Fault | None:
        """The proposal's own fault, or that the policy has not got on for too long.

        Another policy is not benched for this one's stalls; and one stall is one fault, of the
        policy that had the wheel when it began.
        """
        if self.roster.changes != self._changes:
            self._changes = self.roster.changes
            self._stall.reset()
        driving = self._selector.driver == "policy"
        stalled = self._stall.stalled(observation.odometry.pose, way, driving, now_ns)
        fault = Fault("stalled", f"{way:.1f} m to go") if stalled else None
        if self._stall.begins and driving:
            self.roster.blame(fault)
        if proposal.fault is None and not stalled:
            self.roster.credit()
        return proposal.fault or fault

    def _back_up(self, observation: Observation, now_ns: int, reason: str) -> DecisionOutput:
        """The planner's command, slowed along its arc to what the collision check allows.

        The policy was left while braking was still free of collision; so is each tick after it.
        """
        planned = self._plan(observation, now_ns, reason)
        command = planned.command
        share = self._rollout.free_share(
            observation.costmap, observation.odometry, command.vx, command.wz
        )
        slowed = VelocityCommand(now_ns, share * command.vx, share * command.wz)
        return replace(planned, command=slowed)

    def _plan(self, observation: Observation, now_ns: int, reason: str) -> DecisionOutput:
        """Let the classical planner drive, within the limits whatever speed it started from.

        It slows down no faster than the base can: where odometry says more than the limits, so
        does its answer, which is brought within them along the arc that it is free on.
        """
        costmap, odometry = observation.costmap, observation.odometry
        plan = self._planner.plan(costmap, odometry, observation.goal, now_ns, observation.bodies)
        command = VelocityCommand(now_ns, *self._limits.along_arc(plan.vx, plan.wz))
        return DecisionOutput(command, "fallback", reason, plan.status, plan.path)


def _way_to(goal: Pose2D, pose: Pose2D, guide: NDArray[np.float64]) -> float:
    """Metres along the guide, and straight from its end, which may be the costmap's edge."""
    points = np.vstack(([[pose.x, pose.y]], guide, [[goal.x, goal.y]]))
    steps = np.diff(points, axis=0)
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum())


def _guide_status(guide: NDArray[np.float64]) -> PlanStatus:
    return PlanStatus.DRIVING if len(guide) else PlanStatus.NO_PATH


class _Stamped(Protocol):
    @property
    def stamp_ns(self) -> int: ...


_StampedT = TypeVar("_StampedT", bound=_Stamped)


def _fresh(message: _StampedT | None, timeout: float, now_ns: int) -> _StampedT | None:
    """`message` where it is there and no older (or newer) than `timeout` seconds."""
    if message is None or abs(now_ns - message.stamp_ns) > nanoseconds(timeout):
        return None
    return message
