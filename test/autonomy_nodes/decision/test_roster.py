"""A policy takes over after a time in the shadow, and leaves at the fault too many."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from autonomy_interfaces.messages import MILLISECOND, SECOND, Costmap, LaserScan, Odometry, Pose2D
from autonomy_nodes.decision.contract import load_policy
from autonomy_nodes.decision.decision import Decision, DecisionConfig, DecisionInputs
from autonomy_nodes.decision.errors import InferenceError
from autonomy_nodes.decision.record import TickContext, decision_record, status_values
from autonomy_nodes.decision.roster import SwapStage
from autonomy_nodes.decision.runtime import Inference
from autonomy_nodes.planning.planner import Plan, PlanStatus

OLD, NEW = (0.5, 0.0), (0.8, 0.0)
CONFIG = DecisionConfig(
    swap_shadow_ticks=5, swap_shadow_faults=2, swap_probation_ticks=10, swap_probation_faults=2
)


class Policy:
    """Answers what the test sets; raises it where it is an error."""

    def __init__(self, manifest, answer, version):
        self.manifest = manifest.model_copy(update={"version": version})
        self.answer = answer
        self.asked = 0

    def infer(self, tensors):
        self.asked += 1
        self.tensors = tensors
        if isinstance(self.answer, Exception):
            raise self.answer
        return Inference(np.array([self.answer], np.float32), 0.5)


class Rig:
    """A decision core that drives under `old`, with `new` to take over."""

    def __init__(self, manifest, **changes):
        self.retired = []
        self.old, self.new = Policy(manifest, OLD, "old"), Policy(manifest, NEW, "new")
        path = np.array([[0.0, 0.0], [50.0, 0.0]])
        self.planner = SimpleNamespace(
            plan=lambda *_: Plan(0.3, 0.0, PlanStatus.DRIVING, path),
            guide=lambda *_: path,
            look_ahead=lambda *_: None,
        )
        config = replace(CONFIG, **changes)
        self.decision = Decision(config, self.old, self.planner, self.retired.append)
        self.now_ns, self.x = SECOND, 0.0
        self.blocked, self.near = False, 5.0

    @property
    def roster(self):
        return self.decision.roster

    def tick(self, goal=Pose2D(50.0, 0.0)):
        self.now_ns += 50 * MILLISECOND
        self.x += 0.03
        ranges = np.full(181, self.near, np.float32)
        cells = np.zeros((120, 120), np.int8)
        if self.blocked:
            cells[60, 66] = 100
        inputs = DecisionInputs(
            LaserScan(self.now_ns, ranges, -math.pi / 2, math.pi / 180, 0.1, 30.0),
            Odometry(self.now_ns, self.x, 0.0, 0.0),
            Costmap(self.now_ns, 0.05, self.x - 3.0, -3.0, cells),
            goal,
        )
        output = self.decision.step(inputs, self.now_ns)
        self.decision.observe_shadows()
        return output

    def speeds(self, ticks):
        return [round(self.tick().command.vx, 3) for _ in range(ticks)]

    def actions(self):
        return [event.action for event in self.roster.take_events()]

    def lose_the_guide(self):
        self.planner.guide = lambda *_: np.empty((0, 2))


def _needs_a_guide(policy):
    """The policy as one that has no input without a guide."""
    inputs = policy.manifest.inputs
    guide = type(inputs[1]).model_validate(
        {"tensor": "goal", "source": {"kind": "guide", "lookahead": [1.0]}, "shape": [1, 2]}
    )
    policy.manifest = policy.manifest.model_copy(update={"inputs": (inputs[0], guide)})
    return policy


@pytest.fixture
def manifest(write_policy):
    return load_policy(write_policy()).manifest


@pytest.fixture
def rig(manifest):
    return Rig(manifest)


def test_new_policy_takes_over_after_its_ticks_in_the_shadow_and_settles(rig):
    rig.roster.swap_to(rig.new)
    assert rig.speeds(7) == [0.5] * 5 + [0.8] * 2
    assert rig.roster.stage is SwapStage.PROBATION
    assert rig.speeds(10) == [0.8] * 10
    assert rig.actions() == ["began", "took_over", "settled"]
    assert rig.retired == [rig.old]
    assert rig.roster.active.version == "new"


@pytest.mark.parametrize(
    "answer",
    [InferenceError("late", ""), (math.nan, 0.0), (99.0, 0.0), InferenceError("failed", "")],
)
def test_policy_that_fails_in_the_shadow_never_drives(rig, answer):
    rig.new.answer = answer
    rig.roster.swap_to(rig.new)
    assert rig.speeds(8) == [0.5] * 8
    assert rig.actions() == ["began", "refused"]
    assert rig.retired == [rig.new]


def test_fault_too_many_on_probation_brings_the_old_one_back_within_the_tick(rig):
    rig.roster.swap_to(rig.new)
    rig.speeds(6)
    rig.new.answer = InferenceError("late", "no answer")
    first = rig.tick()
    assert (first.driver, first.reason) == ("fallback", "late")
    second = rig.tick()
    assert rig.roster.active.version == "old"
    assert second.proposal.vx == pytest.approx(0.5)
    assert rig.actions() == ["began", "took_over", "rolled_back"]
    assert rig.retired == [rig.new]
    assert rig.speeds(4)[-1] == 0.5


def _stand(rig, ticks):
    """Ticks in which the robot does not move, whoever drives; reasons."""
    reasons = []
    for _ in range(ticks):
        rig.x -= 0.03
        reasons.append(rig.tick().reason)
    return reasons


def test_policy_that_stands_still_again_and_again_on_probation_is_rolled_back(manifest):
    rig = Rig(
        manifest, stall_time=0.3, stall_distance=0.05, stall_penalty=0.3, swap_probation_ticks=20
    )
    rig.roster.swap_to(rig.new)
    rig.speeds(6)
    reasons = _stand(rig, 12)
    assert "stalled" in reasons and "rolled_back" not in rig.actions(), "one stall is one fault"
    _stand(rig, 12)
    assert "rolled_back" in rig.actions()


def test_predecessor_is_not_benched_for_the_stall_that_brought_it_back(manifest):
    rig = Rig(
        manifest, stall_time=0.3, stall_distance=0.05, stall_penalty=5.0, swap_probation_faults=1
    )
    rig.roster.swap_to(rig.new)
    rig.speeds(6)
    assert _stand(rig, 8)[-1] == "returning"
    assert rig.actions() == ["began", "took_over", "rolled_back"]
    assert rig.speeds(4)[-1] == 0.5


def test_newcomer_is_neither_benched_nor_blamed_for_its_predecessors_stall(manifest):
    rig = Rig(
        manifest, stall_time=0.3, stall_distance=0.05, stall_penalty=5.0, swap_probation_faults=1
    )
    assert "stalled" in _stand(rig, 9)
    rig.roster.swap_to(rig.new)
    assert rig.speeds(9)[-1] == 0.8
    rig.speeds(10)
    assert rig.actions() == ["began", "took_over", "settled"]


def test_stall_under_the_planner_is_no_fault_of_the_newcomer(manifest):
    """It proposes what may not be driven; it is the planner that gets nowhere."""
    rig = Rig(manifest, guide_progress_time=0.5, swap_probation_faults=1)
    rig.roster.swap_to(rig.new)
    rig.speeds(6)
    rig.blocked = True
    _stand(rig, 30)
    assert rig.actions() == ["began", "took_over"]


def test_obstacle_ahead_of_both_counts_neither_for_nor_against_the_newcomer(rig):
    rig.blocked = True
    rig.roster.swap_to(rig.new)
    rig.speeds(20)
    assert rig.new.asked == 20
    assert rig.actions() == ["began"] and rig.roster.stage is SwapStage.SHADOW
    rig.blocked = False
    rig.speeds(6)
    assert rig.actions() == ["took_over"]
    rig.blocked = True
    rig.speeds(30)
    assert rig.actions() == [] and rig.roster.stage is SwapStage.PROBATION


def test_newcomer_without_inputs_where_the_active_policy_has_them_is_refused(rig):
    rig.lose_the_guide()
    rig.roster.swap_to(_needs_a_guide(rig.new))
    assert rig.speeds(8) == [0.5] * 8
    assert rig.new.asked == 0
    events = rig.roster.take_events()
    assert [event.action for event in events] == ["began", "refused"]
    assert events[1].reason.startswith("missing_input") and "active policy" in events[1].reason
    assert rig.retired == [rig.new]


def test_newcomer_without_inputs_where_nobody_has_them_waits(rig):
    _needs_a_guide(rig.old)
    rig.decision = Decision(CONFIG, rig.old, rig.planner, rig.retired.append)
    guide = rig.planner.guide
    rig.lose_the_guide()
    rig.roster.swap_to(_needs_a_guide(rig.new))
    assert rig.speeds(30) == [0.3] * 30
    assert rig.roster.stage is SwapStage.SHADOW
    rig.planner.guide = guide
    assert rig.speeds(8)[-1] == 0.8


def test_newcomer_that_loses_its_inputs_on_probation_never_settles_and_goes(rig):
    rig.roster.swap_to(_needs_a_guide(rig.new))
    rig.speeds(6)
    rig.lose_the_guide()
    outputs = [rig.tick() for _ in range(10)]
    assert {(output.driver, output.reason) for output in outputs} == {("fallback", "missing_input")}
    events = rig.roster.take_events()
    assert [event.action for event in events] == ["began", "took_over", "rolled_back"]
    assert events[2].reason.startswith("missing_input") and "predecessor" in events[2].reason
    assert rig.retired == [rig.new]
    assert rig.speeds(4)[-1] == 0.5


def test_predecessor_begins_afresh_with_its_history_when_it_comes_back(rig):
    history = rig.old.manifest.inputs[0].model_copy(update={"history": 2, "shape": (2, 8)})
    inputs = (history, *rig.old.manifest.inputs[1:])
    rig.old.manifest = rig.old.manifest.model_copy(update={"inputs": inputs})
    rig.decision = Decision(CONFIG, rig.old, rig.planner, rig.retired.append)
    rig.roster.swap_to(rig.new)
    rig.speeds(6)
    rig.new.answer = InferenceError("late", "no answer")
    rig.near = 2.0
    rig.speeds(2)
    scan = rig.old.tensors["scan"]
    np.testing.assert_array_equal(scan[0], scan[1])


def test_second_change_ends_the_first(rig, manifest):
    third = Policy(manifest, (0.6, 0.0), "third")
    rig.roster.swap_to(rig.new)
    rig.speeds(2)
    rig.roster.swap_to(third)
    assert rig.speeds(6)[-1] == 0.6
    assert rig.retired == [rig.new]


def test_change_during_probation_brings_back_the_one_that_proved_itself_first(rig, manifest):
    third = Policy(manifest, (0.6, 0.0), "third")
    rig.roster.swap_to(rig.new)
    rig.speeds(7)
    rig.roster.swap_to(third)
    assert rig.actions() == ["began", "took_over", "rolled_back", "began"]
    assert rig.speeds(6) == [0.5] * 5 + [0.6]
    third.answer = InferenceError("late", "no answer")
    rig.speeds(2)
    assert rig.roster.active.version == "old"
    assert rig.retired == [rig.new, third]


def test_without_a_goal_nobody_is_tried(rig):
    rig.roster.swap_to(rig.new)
    for _ in range(20):
        assert rig.tick(goal=None).reason == "no_goal"
    assert rig.roster.stage is SwapStage.SHADOW
    assert rig.new.asked == 0


def test_shadow_is_asked_every_tick_drives_never_and_is_compared(rig):
    rig.roster.watch(rig.new)
    rig.new.answer = (0.6, 1.0)
    assert rig.speeds(4) == [0.5] * 4
    rig.new.answer = InferenceError("failed", "")
    assert rig.speeds(2) == [0.5] * 2
    counted = rig.roster.shadow.statistics()
    assert (counted.ticks, counted.answered, counted.agreed) == (6, 4, 0)
    assert counted.mean_vx == pytest.approx(0.1, abs=1e-6)
    assert counted.worst_wz == pytest.approx(1.0)
    assert counted.faults == {"failed": 2}
    rig.roster.watch(None)
    assert rig.retired == [rig.new] and rig.roster.shadow is None


def test_one_policy_is_asked_beside_the_active_one_in_a_tick(rig, manifest):
    """Together they would keep the thread that publishes for as long as all their budgets."""
    watching = Policy(manifest, (0.6, 0.0), "watching")
    rig.roster.watch(watching)
    rig.roster.swap_to(rig.new)
    rig.speeds(5)
    assert (rig.new.asked, watching.asked) == (5, 0)
    rig.speeds(3)
    assert watching.asked == 3
    rig.blocked = True
    asked = rig.old.asked
    rig.speeds(2)
    assert (rig.old.asked - asked, watching.asked) == (2, 3)


def test_shadow_that_is_late_too_often_is_dropped_and_says_why(rig):
    rig.roster.watch(rig.new)
    for _ in range(4):
        rig.new.answer = InferenceError("late", "")
        rig.tick()
        rig.new.answer = NEW
        rig.speeds(4)
    assert rig.roster.shadow is not None, "now and then is not too often"
    rig.new.answer = InferenceError("late", "")
    assert rig.speeds(3) == [0.5] * 3
    assert rig.roster.shadow is None and rig.retired == [rig.new]
    (event,) = rig.roster.take_events()
    assert (event.action, event.policy) == ("dropped", "linear new")
    assert event.reason == "late in 2 of 5 ticks"


def test_shadow_watches_the_planner_too(manifest):
    rig = Rig(manifest, driver="fallback")
    rig.roster.watch(rig.new)
    assert rig.speeds(3) == [0.3] * 3
    assert rig.old.asked == 0
    assert rig.roster.shadow.statistics().mean_vx == pytest.approx(0.5, abs=1e-6)


def test_record_of_a_tick_says_who_drove_why_and_what_else_there_was(rig):
    rig.roster.watch(rig.new)
    rig.tick()
    rig.old.answer = InferenceError("late", "no answer within 20 ms")
    output = rig.tick()
    record = decision_record(output, rig.roster, TickContext(2, 4.2, 1, 7, rig.roster.active), ())
    assert (record["driver"], record["reason"], record["vx"]) == ("fallback", "late", 0.3)
    assert record["policy"]["version"] == "old" and len(record["policy"]["sha256"]) == 64
    assert record["proposal"]["detail"] == "no answer within 20 ms"
    assert record["event"]["driver"] == "fallback"
    assert record["shadow"]["version"] == "new" and record["shadow"]["ticks"] == 2
    assert record["scan_stamp_ns"] == 7 and record["decision_ms"] == 4.2
    values = status_values(record, "")
    assert values["policy"] == "linear old" and values["shadow_ticks"] == "2"
    assert all(isinstance(value, str) for value in values.values())
