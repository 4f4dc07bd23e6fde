"""`driving_container`: perception and decision in one process, on one executor.

They hold one interpreter and one compiler between them, and what ends or hangs one of them does so
to the other: the safety monitor, a process of its own, stops the robot for either. Mission is not
one of them, so that a goal outlives those that drive to it. What tells the nodes apart (names,
topics, parameters) stays.
"""

from __future__ import annotations

from autonomy_nodes.decision.node import DecisionNode
from autonomy_nodes.perception.node import clockless
from autonomy_nodes.running import drive


def main() -> None:
    """Run both nodes until told to stop."""
    # Decision holds its lifeline and speaks as soon as it is there: it comes last.
    drive("driving_container", clockless, DecisionNode)
