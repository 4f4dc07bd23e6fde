"""Runs ROS 2 YAML launch files where there is no `launch` package, and from Python.

with start("launch/sim.launch.yaml", {"world": "office"}) as stack:
stack.signal("decision", signal.SIGKILL)
"""

from edge_autonomy.launch.errors import LaunchError
from edge_autonomy.launch.process import Exit
from edge_autonomy.launch.service import RunningLaunch, run, start

__all__ = ["Exit", "LaunchError", "RunningLaunch", "run", "start"]
