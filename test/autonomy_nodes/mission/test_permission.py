"""A goal and the gate: one question at a time, and only an allowed goal comes out."""

from __future__ import annotations

import itertools

import pytest

from autonomy_interfaces.gate import GateDecision
from autonomy_interfaces.messages import SECOND, Pose2D
from autonomy_nodes.mission.permission import GoalPermission

HERE, THERE = Pose2D(1.0, 2.0), Pose2D(3.0, 4.0)


@pytest.fixture
def permission() -> GoalPermission:
    numbers = itertools.count(1)
    return GoalPermission(lambda: f"q{next(numbers)}")


def test_nothing_is_asked_without_a_goal(permission: GoalPermission) -> None:
    permission.hear(GateDecision("q1", "allow", ""), 0)
    assert permission.due(0) is None and permission.settled() == (None, "")
    assert not permission.pending and permission.state == ""


def test_the_goal_comes_out_once_when_it_is_allowed(permission: GoalPermission) -> None:
    permission.ask(HERE, 0)
    question = permission.due(0)
    assert question is not None and question.parameters == {"x": 1.0, "y": 2.0, "frame": "odom"}
    assert permission.settled() == (None, "") and permission.state == "asking"
    permission.hear(GateDecision("q1", "allow", "open"), 0)
    assert permission.settled() == (HERE, "")
    assert permission.settled() == (None, "")


def test_the_same_goal_asked_again_is_one_question_and_another_goal_is_another(
    permission: GoalPermission,
) -> None:
    permission.ask(HERE, 0)
    permission.ask(HERE, SECOND)
    assert (question := permission.due(SECOND)) is not None and question.request_id == "q1"
    permission.ask(THERE, SECOND)
    assert (question := permission.due(SECOND)) is not None and question.request_id == "q2"
    permission.hear(GateDecision("q1", "allow", "open"), SECOND)
    assert permission.settled() == (None, "")


def test_a_person_may_think_for_as_long_as_the_gate_lets_them(permission: GoalPermission) -> None:
    permission.ask(HERE, 0)
    for second in range(1, 100):
        permission.due(second * SECOND)
        permission.hear(GateDecision("q1", "escalate", "a person must answer"), second * SECOND)
        assert permission.settled() == (None, "")
    assert permission.state == "escalated: a person must answer"
    permission.hear(GateDecision("q1", "deny", "rejected"), 100 * SECOND)
    assert permission.settled() == (None, "denied by the safety gate: rejected")


def test_silence_is_a_no(permission: GoalPermission) -> None:
    permission.ask(HERE, 0)
    assert permission.due(0) is not None and permission.due(3 * SECOND) is None
    assert permission.settled() == (None, "denied by the safety gate: the gate does not answer")
