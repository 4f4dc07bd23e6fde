"""What a run is judged by: heard over DDS, and one clear line where it makes no sense."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from autonomy_interfaces.messages import Pose2D
from edge_autonomy.demo.stack import DemoError
from edge_autonomy.judged_run import Witness

pytestmark = pytest.mark.dds

PATIENCE_S = 30.0
TRUTH = {"stamp_ns": "7", "x": "1.5", "y": "2", "contact": "crate"}


class Judge:
    """Judges by the first thing that is touched."""

    def observe(self, stamp_ns: int, x: float, y: float, contact: str) -> Any:
        """See `judged_run.Judge`."""
        return (stamp_ns, x, y, contact) if contact else None


class Simulator:
    """Says what the test wants of the robot's place; a witness with a goal listens."""

    def __init__(self) -> None:
        import rclpy
        from diagnostic_msgs.msg import DiagnosticStatus
        from rclpy.context import Context

        self._context = Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node("simulator", context=self._context)
        self._publisher = self._node.create_publisher(DiagnosticStatus, "/sim/contacts", 10)
        self.witness = Witness(Judge(), Pose2D(1.0, 0.0))
        self.witness.give_goal()

    def say_until_heard(self, **values: str) -> None:
        """Publish the truth again and again until the witness has a result, or raises."""
        from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

        pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
        deadline = time.monotonic() + PATIENCE_S
        while self.witness.result is None:
            assert time.monotonic() < deadline, "nothing was heard"
            self._publisher.publish(DiagnosticStatus(values=pairs))
            self.witness.spin_once()

    def close(self) -> None:
        self.witness.close()
        self._node.destroy_node()
        self._context.try_shutdown()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    one = Simulator()
    yield one
    one.close()


def test_the_judge_gets_the_truth_as_it_was_said(simulator):
    simulator.say_until_heard(**TRUTH)
    assert simulator.witness.result == (7, 1.5, 2.0, "crate")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x": "?"}, r"/sim/contacts: x is '\?', expected a number; .* ROS domain \d+"),
        ({"y": "nan"}, "y is 'nan', expected a number"),
        ({"stamp_ns": "1.5"}, "stamp_ns is '1.5', expected a whole number"),
        ({"contact": None}, "/sim/contacts: contact is missing"),
    ],
)
def test_a_truth_that_makes_no_sense_ends_the_run_with_one_line(simulator, changes, words):
    values = {key: value for key, value in {**TRUTH, **changes}.items() if value is not None}
    with pytest.raises(DemoError, match=words) as caught:
        simulator.say_until_heard(**values)
    assert "\n" not in str(caught.value)
