"""How the nodes that drive are run, alone or several in one process."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from autonomy_interfaces.executor import LeanExecutor
from autonomy_interfaces.priority import (
    DRIVING,
    REAL_TIME_DRIVING,
    prefer,
    run_in_real_time,
)
from autonomy_interfaces.spare import spare_memory
from autonomy_interfaces.writing import WritingError


def drive(name: str, *nodes: Callable[[], Node]) -> None:
    """Make nodes, in this order, and run them on one executor until told to stop.

    The process ends with one line that begins with `name` where they cannot be made: their
    parameters or policies make no sense, or something cannot be written.
    """
    prefer(DRIVING)
    spare_memory()
    rclpy.init()
    try:
        executor = LeanExecutor()
        for make in nodes:
            executor.add_node(make())
        # What lives now lives as long as the process: keep the collector away from it.
        gc.collect()
        gc.freeze()
        run_in_real_time(REAL_TIME_DRIVING)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except (WritingError, ValueError) as error:
        sys.exit(f"{name}: {error}")
    finally:
        rclpy.try_shutdown()
