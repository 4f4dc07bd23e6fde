"""`driving_container`: perception and decision in one process, on one executor.

They hold one interpreter and one compiler between them, and what ends or hangs one of them does so
to the other: the safety monitor, a process of its own, stops the robot for either. Mission is not
one of them, so that a goal outlives those that drive to it. What tells the nodes apart (names,
topics, parameters) stays.
"""

from __future__ import annotations

import gc
import sys

import rclpy
from rclpy.executors import ExternalShutdownException

from autonomy_interfaces.executor import LeanExecutor
from autonomy_interfaces.mailbox import forget_clock
from autonomy_interfaces.parameters import ParameterError
from autonomy_interfaces.priority import (
    DRIVING,
    REAL_TIME_DRIVING,
    prefer,
    run_in_real_time,
)
from autonomy_interfaces.spare import spare_memory
from autonomy_nodes.decision.errors import PolicyError
from autonomy_nodes.decision.node import DecisionNode
from autonomy_nodes.perception.node import PerceptionNode


def main() -> None:
    """Run both nodes until told to stop."""
    prefer(DRIVING)
    spare_memory()
    rclpy.init()
    try:
        executor = LeanExecutor()
        perception = PerceptionNode()
        forget_clock(perception)
        # Decision holds its lifeline and speaks as soon as it is there: it comes last.
        for node in (perception, DecisionNode()):
            executor.add_node(node)
        gc.collect()
        gc.freeze()
        run_in_real_time(REAL_TIME_DRIVING)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except (ParameterError, PolicyError, ValueError) as error:
        sys.exit(f"driving_container: {error}")
    finally:
        rclpy.try_shutdown()
