"""Asking the gate: repeated until answered, and silence is a no."""

from __future__ import annotations

import pytest

from autonomy_interfaces.gate import Answer, GateDecision, GateInquiry, GateQuestion

SECOND = 1_000_000_000
QUESTION = GateQuestion("id", "drive_to", "mission", {"x": 1.0})


def test_asks_again_until_it_is_answered() -> None:
    inquiry = GateInquiry(QUESTION, 0, timeout_s=2.0, repeat_s=0.5)
    asked = [now for now in range(0, SECOND, SECOND // 10) if inquiry.due(now)]
    assert asked == [0, SECOND // 2]
    inquiry.hear(GateDecision("id", "allow", "open"), SECOND)
    assert inquiry.answer is Answer.ALLOWED and inquiry.reason == "open"
    assert not inquiry.due(10 * SECOND) and inquiry.answer is Answer.ALLOWED


def test_silence_is_a_no() -> None:
    inquiry = GateInquiry(QUESTION, 0, timeout_s=2.0)
    assert inquiry.due(0) and inquiry.due(2 * SECOND - 1)
    assert not inquiry.due(2 * SECOND)
    assert inquiry.answer is Answer.DENIED and "does not answer" in inquiry.reason
    inquiry.hear(GateDecision("id", "allow", "late"), 2 * SECOND)
    assert inquiry.answer is Answer.DENIED


def test_waits_for_a_person_as_long_as_the_gate_lives() -> None:
    inquiry = GateInquiry(QUESTION, 0, timeout_s=2.0)
    for now in range(SECOND, 100 * SECOND, SECOND):
        inquiry.hear(GateDecision("id", "escalate", "restricted"), now)
        assert inquiry.due(now) and inquiry.answer is Answer.ESCALATED
    assert not inquiry.due(102 * SECOND)
    assert inquiry.answer is Answer.DENIED


def test_a_person_s_yes_and_no_end_the_wait() -> None:
    for outcome, answer in (("allow", Answer.ALLOWED), ("deny", Answer.DENIED)):
        inquiry = GateInquiry(QUESTION, 0)
        inquiry.hear(GateDecision("id", "escalate", "restricted"), 0)
        inquiry.hear(GateDecision("id", outcome, "by a person"), SECOND)
        assert inquiry.answer is answer


@pytest.mark.parametrize("outcome", ["", "ALLOW", "maybe"])
def test_what_is_no_outcome_is_a_no(outcome: str) -> None:
    inquiry = GateInquiry(QUESTION, 0)
    inquiry.hear(GateDecision("id", outcome, ""), 0)
    assert inquiry.answer is Answer.DENIED


def test_the_answer_to_another_question_is_passed_over() -> None:
    inquiry = GateInquiry(QUESTION, 0)
    inquiry.hear(GateDecision("other", "allow", ""), 0)
    assert inquiry.answer is Answer.ASKING


def test_questions_and_decisions_survive_their_messages() -> None:
    from autonomy_governance.gate import ActionRequest, Decision
    from autonomy_governance.messages import decision_message, request_of
    from autonomy_interfaces.ros import gate_decision_from_ros, gate_question_to_ros

    parameters = {"x": 0.1 + 0.2, "y": -1e-7, "zone": "bay", "sha256": "1" * 64, "n": 3.0}
    question = GateQuestion("id", "drive_to", "mission", parameters)
    expected = ActionRequest("id", "drive_to", "mission", parameters)
    assert request_of(gate_question_to_ros(question)) == expected
    decision = Decision("id", "escalate", "restricted", "high", "1.0.0+abc", "policy", 7)
    heard = gate_decision_from_ros(decision_message(decision, 0))
    assert heard == GateDecision("id", "escalate", "restricted", "high", "1.0.0+abc", "policy")
