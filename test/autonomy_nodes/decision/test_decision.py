"""Every tick ends in a command and says why."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from autonomy_interfaces.messages import MILLISECOND, SECOND, Costmap, LaserScan, Odometry, Pose2D
from autonomy_nodes.decision.contract import load_policy
from autonomy_nodes.decision.decision import Decision, DecisionConfig, DecisionInputs
from autonomy_nodes.decision.errors import InferenceError
from autonomy_nodes.decision.outputs import TrajectoryScoresOutput, WaypointsOutput
from autonomy_nodes.decision.rollout import RolloutConfig, StoppingRollout
from autonomy_nodes.decision.runtime import Inference
from autonomy_nodes.planning.planner import Plan, PlanStatus

GOAL = Pose2D(5.0, 0.0)
TICK = 50 * MILLISECOND


class ScriptedPolicy:
    """Answers what the test sets; raises it where it is an error."""

    def __init__(self, manifest):
        self.manifest = manifest
        self.answer = (1.0, 0.2)

    def infer(self, tensors):
        if isinstance(self.answer, Exception):
            raise self.answer
        return Inference(np.array([self.answer], np.float32), 0.5)


class ScriptedPlanner:
    """Drives at a recognisable speed along a straight guide."""

    def __init__(self):
        self.status = PlanStatus.DRIVING
        self.command = (0.3, -0.1)
        self.path = np.array([[0.0, 0.0], [5.0, 0.0]])
        self.looked_at = []

    def plan(self, costmap, odometry, goal, now_ns, bodies):
        return Plan(*self.command, self.status, self.path)

    def guide(self, costmap, odometry, goal):
        return self.path

    def look_ahead(self, costmap, odometry, goal):
        self.looked_at.append(costmap.stamp_ns)


class Rig:
    """A decision core and fresh inputs for it."""

    def __init__(self, write_policy, **config):
        self.policy = ScriptedPolicy(load_policy(write_policy()).manifest)
        self.planner = ScriptedPlanner()
        self.decision = Decision(
            DecisionConfig(return_ticks=3, **config), self.policy, self.planner
        )
        self.now_ns = SECOND
        self.ranges = np.full(181, 5.0, np.float32)
        self.x = 0.0
        self.cells = np.zeros((120, 120), np.int8)
        self.goal = GOAL

    def inputs(self) -> DecisionInputs:
        scan = LaserScan(self.now_ns, self.ranges, -math.pi / 2, math.pi / 180, 0.1, 30.0)
        costmap = Costmap(self.now_ns, 0.05, -3.0, -3.0, self.cells)
        return DecisionInputs(scan, Odometry(self.now_ns, self.x, 0.0, 0.0), costmap, self.goal)

    def tick(self, **changes):
        self.now_ns += TICK
        return self.decision.step(replace(self.inputs(), **changes), self.now_ns)


@pytest.fixture
def rig(write_policy):
    return Rig(write_policy)


def test_policy_drives_when_all_is_well(rig):
    output = rig.tick()
    assert (output.driver, output.reason) == ("policy", "")
    assert output.command.vx == pytest.approx(1.0)
    assert output.command.wz == pytest.approx(0.2)
    assert output.command.stamp_ns == rig.now_ns
    assert output.planner_status is PlanStatus.DRIVING
    assert output.event is None
    np.testing.assert_array_equal(output.path, rig.planner.path)


def test_each_tick_tells_latency_and_familiarity(rig):
    rig.ranges[:] = 4.0
    output = rig.tick()
    assert output.latency_ms == 0.5
    assert 0.0 < output.familiarity < 1.0
    rig.cells[60, 68] = 100
    fallback = rig.tick()
    assert (fallback.driver, fallback.latency_ms) == ("fallback", 0.5)


def test_the_way_is_looked_for_once_on_each_map_whoever_asks_for_it(rig):
    first = rig.tick().command.stamp_ns
    assert rig.planner.looked_at == []
    rig.decision.look_ahead()
    rig.decision.look_ahead()
    assert rig.planner.looked_at == [first]
    second = rig.tick().command.stamp_ns
    rig.tick()
    assert rig.planner.looked_at == [first, second]
    rig.goal = Pose2D(0.0, 5.0)
    rig.tick()
    assert rig.planner.looked_at == [first, second], "not for a goal that is given up"


def test_a_clock_that_goes_back_forgives_a_stall(rig):
    rig.policy.answer = (0.0, 0.0)
    assert [rig.tick() for _ in range(70)][-1].reason == "stalled"
    rig.now_ns = 0
    reasons = [rig.tick().reason for _ in range(5)]
    assert "stalled" not in reasons


def test_no_goal_means_zero(rig):
    output = rig.tick(goal=None)
    assert (output.command.vx, output.command.wz) == (0.0, 0.0)
    assert (output.driver, output.reason) == ("none", "no_goal")


@pytest.mark.parametrize("name", ["scan", "odometry", "costmap"])
def test_missing_and_stale_inputs_mean_zero_with_their_name(rig, name):
    stale = replace(getattr(rig.inputs(), name), stamp_ns=rig.now_ns - SECOND)
    ahead = replace(getattr(rig.inputs(), name), stamp_ns=rig.now_ns + 2 * SECOND)
    for value in (None, stale, ahead):
        output = rig.tick(**{name: value})
        assert (output.command.vx, output.command.wz) == (0.0, 0.0)
        assert (output.driver, output.reason) == ("none", f"stale_{name}")
    assert rig.tick().driver == "policy"


def test_at_the_goal_it_stands_and_says_reached(rig):
    rig.x = 4.9
    output = rig.tick()
    assert (output.command.vx, output.command.wz) == (0.0, 0.0)
    assert output.planner_status is PlanStatus.REACHED


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (InferenceError("late", "no answer"), "late"),
        (InferenceError("failed", "broken"), "failed"),
        ((math.nan, 0.0), "non_finite"),
        ((1.0, math.inf), "non_finite"),
        ((2.5, 0.0), "over_limits"),
        ((-1.0, 0.0), "over_limits"),
        ((0.0, -4.5), "over_limits"),
    ],
)
def test_unfit_answer_hands_over_in_the_same_tick_with_its_reason(rig, answer, reason):
    rig.tick()
    rig.policy.answer = answer
    output = rig.tick()
    assert (output.driver, output.reason) == ("fallback", reason)
    assert output.command.vx == pytest.approx(0.3)
    assert output.event is not None and output.event.reason == reason
    rig.policy.answer = (1.0, 0.0)
    drivers = [rig.tick().driver for _ in range(3)]
    assert drivers == ["fallback", "fallback", "policy"]


def test_unfamiliar_scan_hands_over(rig):
    rig.ranges[:] = 0.2
    assert rig.tick().driver == "policy"
    manifest = rig.policy.manifest
    statistics = manifest.inputs[0].statistics.model_copy(update={"score_limit": 1.0})
    spec = manifest.inputs[0].model_copy(update={"statistics": statistics})
    rig.policy.manifest = manifest.model_copy(update={"inputs": (spec, manifest.inputs[1])})
    rig.decision = Decision(DecisionConfig(), rig.policy, rig.planner)
    output = rig.tick()
    assert (output.driver, output.reason) == ("fallback", "out_of_distribution")


def test_proposal_into_an_obstacle_hands_over(rig):
    rig.cells[60, 68] = 100
    output = rig.tick()
    assert (output.driver, output.reason) == ("fallback", "collision_ahead")
    rig.policy.answer = (0.0, 1.0)
    assert [rig.tick().driver for _ in range(3)][-1] == "policy"


def test_trajectory_scores_drive_the_best_that_is_free(rig):
    output = TrajectoryScoresOutput.model_validate(
        {
            "kind": "trajectory_scores",
            "tensor": "velocity",
            "shape": [1, 2],
            "trajectories": [
                {"name": "ahead", "vx": 1.0, "wz": 0.0},
                {"name": "turn", "vx": 0.0, "wz": 1.0},
            ],
            "tolerance": 5.0,
        }
    )
    rig.policy.manifest = rig.policy.manifest.model_copy(update={"output": output})
    rig.decision = Decision(DecisionConfig(), rig.policy, rig.planner)
    rig.policy.answer = (0.9, 0.1)
    assert rig.tick().command.vx == 1.0
    rig.cells[60, 68] = 100
    turned = rig.tick()
    assert (turned.driver, turned.command.vx, turned.command.wz) == ("policy", 0.0, 1.0)


def test_fallback_is_slowed_along_its_arc_to_where_it_can_stop(rig):
    rig.policy.answer = (1.5, 0.0)
    rig.planner.command = (1.0, 0.2)
    rig.cells[60, 70] = 100
    command = rig.tick().command
    assert 0.0 < command.vx < 1.0
    assert command.wz == pytest.approx(0.2 * command.vx)
    rig.cells[60, 65] = 100
    assert rig.tick().command.vx == 0.0


def test_no_guide_lets_the_planner_say_no_path(rig):
    manifest = rig.policy.manifest
    guide = type(manifest.inputs[1]).model_validate(
        {
            "tensor": "goal",
            "source": {"kind": "guide", "lookahead": [1.0]},
            "shape": [1, 2],
        }
    )
    rig.policy.manifest = manifest.model_copy(update={"inputs": (manifest.inputs[0], guide)})
    rig.decision = Decision(DecisionConfig(), rig.policy, rig.planner)
    rig.planner.path = np.empty((0, 2))
    rig.planner.status = PlanStatus.NO_PATH
    output = rig.tick()
    assert (output.driver, output.reason) == ("fallback", "missing_input")
    assert output.planner_status is PlanStatus.NO_PATH


def test_policy_that_does_not_move_is_benched(rig):
    rig.policy.answer = (0.0, 0.0)
    outputs = [rig.tick() for _ in range(70)]
    assert outputs[0].driver == "policy"
    assert (outputs[-1].driver, outputs[-1].reason) == ("fallback", "stalled")


def test_driving_to_a_goal_beyond_the_guide_is_no_stall(rig):
    rig.goal = Pose2D(60.0, 0.0)
    for _ in range(400):
        rig.x += 0.05
        rig.planner.path = np.array([[rig.x, 0.0], [rig.x + 5.0, 0.0]])
        assert rig.tick().driver == "policy"


def test_going_about_without_getting_nearer_benches_the_policy(rig):
    for tick in range(200):
        rig.x = float(tick // 10 % 2)
        output = rig.tick()
    assert (output.driver, output.reason) == ("fallback", "stalled")


def _any_velocity(manifest):
    """The manifest with limits that hold for every robot and for none."""
    output = manifest.output.model_dump()
    output["vx"] = output["wz"] = {"low": -1e18, "high": 1e18}
    return manifest.model_copy(update={"output": type(manifest.output).model_validate(output)})


def test_policy_beyond_the_robots_limits_is_slowed_along_its_arc(write_policy):
    rig = Rig(write_policy, max_linear_velocity=0.8, max_angular_velocity=0.1)
    output = rig.tick()
    assert (output.driver, output.command.vx) == ("policy", pytest.approx(0.5))
    assert output.command.wz == pytest.approx(0.1)
    assert (output.proposal.vx, output.proposal.wz) == (output.command.vx, output.command.wz)


def test_planner_beyond_the_robots_limits_is_slowed_along_its_arc(write_policy):
    rig = Rig(write_policy, driver="fallback", max_linear_velocity=2.0, max_angular_velocity=4.0)
    rig.planner.command = (2.5, 1.0)
    command = rig.tick().command
    assert (command.vx, command.wz) == (pytest.approx(2.0), pytest.approx(0.8))
    rig.planner.command = (1.0, -5.0)
    command = rig.tick().command
    assert (command.vx, command.wz) == (pytest.approx(0.8), pytest.approx(-4.0))


def test_answer_beyond_all_reason_is_slowed_too_and_no_decision_hangs(write_policy):
    rig = Rig(write_policy)
    rig.policy.manifest = _any_velocity(rig.policy.manifest)
    rig.decision = Decision(DecisionConfig(), rig.policy, rig.planner)
    rig.cells[60, 69] = 100
    rig.policy.answer = (0.5, 1e17)
    command = rig.tick().command
    assert (command.vx, command.wz) == (pytest.approx(0.0), 4.0)
    rig.cells[60, 69], rig.cells[60, 100] = 0, 100
    rig.policy.answer = (1e17, 0.0)
    assert rig.tick().command.vx == 2.0
    rig.policy.answer = (1e17, -1e18)
    command = rig.tick().command
    assert (command.vx, command.wz) == (pytest.approx(0.4), pytest.approx(-4.0))


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_the_arc_that_is_checked_is_the_one_that_is_driven(write_policy, side):
    """Cut in its turn alone, a tight curve would become a wide one, into what is ahead."""
    limits = {"max_linear_velocity": 2.0, "max_angular_velocity": 0.5}
    rig = Rig(write_policy, **limits)
    rig.cells[58:63, 70] = 100
    rig.policy.answer = (1.0, side * 4.0)
    output = rig.tick()
    command, inputs = output.command, rig.inputs()
    assert output.driver == "policy"
    assert (command.vx, command.wz) == (pytest.approx(0.125), pytest.approx(side * 0.5))
    config = DecisionConfig()
    check = StoppingRollout(
        RolloutConfig(
            config.footprint,
            config.collision_margin,
            config.collision_reaction,
            5.0,
            10.0,
            5.0,
            10.0,
        )
    )
    assert check.touches(inputs.costmap, inputs.odometry, 1.0, side * 0.5)
    assert not check.touches(inputs.costmap, inputs.odometry, command.vx, command.wz)


def test_velocity_beyond_all_numbers_is_no_answer(rig):
    """The limits of waypoints may be such that a finite one stands for an infinite speed."""
    output = WaypointsOutput.model_validate(
        {
            "kind": "waypoints",
            "tensor": "velocity",
            "shape": [1, 1, 2],
            "units": "m",
            "interval_s": 1.0,
            "tracked": 0,
            "vx": {"low": 0.0, "high": 1.0},
            "wz": {"low": 1e308, "high": 1e308},
        }
    )
    rig.policy.manifest = rig.policy.manifest.model_copy(update={"output": output})
    rig.policy.answer = ((5.0, 0.001),)
    rig.decision = Decision(DecisionConfig(), rig.policy, rig.planner)
    result = rig.tick()
    assert (result.driver, result.reason) == ("fallback", "non_finite")


def test_planner_alone_never_asks_the_policy(write_policy):
    rig = Rig(write_policy, driver="fallback")
    rig.policy.answer = RuntimeError("asked")
    output = rig.tick()
    assert (output.driver, output.reason) == ("fallback", "driver_fallback")


def test_policy_alone_stands_where_it_has_no_answer_and_never_hands_over(write_policy):
    rig = Rig(write_policy, driver="policy")
    rig.policy.answer = InferenceError("late", "no answer")
    output = rig.tick()
    assert (output.driver, output.reason, output.event) == ("none", "late", None)
    assert (output.command.vx, output.command.wz) == (0.0, 0.0)
    rig.policy.answer = (1.0, 0.0)
    assert rig.tick().driver == "policy"


def test_policy_alone_may_not_exceed_its_own_limits(write_policy):
    rig = Rig(write_policy, driver="policy")
    rig.policy.answer = (2.5, 0.0)
    output = rig.tick()
    assert (output.driver, output.reason) == ("none", "over_limits")


def test_without_a_policy_the_planner_drives(rig):
    decision = Decision(DecisionConfig(), None, rig.planner)
    output = decision.step(rig.inputs(), rig.now_ns)
    assert (output.driver, output.reason) == ("fallback", "no_policy")


@pytest.mark.parametrize("driver", ["human", "policy"])
def test_impossible_driver_is_refused(driver):
    with pytest.raises(ValueError, match="driver"):
        Decision(DecisionConfig(driver=driver), None, ScriptedPlanner())


def _walk_past(rig, ticks):
    """Somebody crosses 2 m ahead from the right at 1 m/s; the last tick's output."""
    for tick in range(ticks):
        rig.ranges[:] = 5.0
        middle = round(90 + math.degrees(math.atan2(-2.0 + 0.05 * tick, 2.0)))
        rig.ranges[middle - 6 : middle + 7] = 2.2
        output = rig.tick()
    return output


def test_the_policy_loses_the_wheel_before_it_meets_who_walks_in_its_way(rig):
    rig.policy.answer = (1.5, 0.0)
    output = _walk_past(rig, 20)
    assert len(output.bodies) == 1
    assert (output.driver, output.reason) == ("fallback", "body_ahead")
    assert output.proposal.fault.reason == "body_ahead"


def test_who_walks_away_is_seen_and_the_policy_goes_on(rig):
    rig.policy.answer = (-0.5, 0.0)
    output = _walk_past(rig, 20)
    assert len(output.bodies) == 1
    assert (output.driver, output.reason) == ("policy", "")


def test_a_clock_that_goes_back_forgets_who_walked(rig):
    assert len(_walk_past(rig, 20).bodies) == 1
    rig.now_ns -= SECOND // 2
    assert len(rig.tick().bodies) == 0
