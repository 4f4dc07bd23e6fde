"""Checks of the software: ROS, launch, the simulator, Gazebo, GL, the policy, the data files."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from edge_autonomy.doctor.check import Check, fails, good, lacks

PROBE_TIMEOUT_S = 30.0


def ros() -> Check:
    """rclpy, and where it comes from."""
    try:
        rclpy = importlib.import_module("rclpy")
        middleware = importlib.import_module("rclpy.utilities").get_rmw_implementation_identifier()
    except Exception as error:
        return fails("ros", f"rclpy does not import: {error}", _ros_remedy())
    distribution = os.environ.get("ROS_DISTRO")
    source = f"wheels {_version('ros-jazzy-rclpy')}"
    if distribution and not str(rclpy.__file__).startswith(sys.prefix):
        source = f"installation {distribution}"
    if distribution not in (None, "jazzy"):
        return lacks("ros", f"{source}, {middleware}", "this software is tested with Jazzy")
    return good("ros", f"{source}, {middleware}")


def launch() -> Check:
    """ROS 2's own launch, or the interpreter that stands in for it."""
    if has_ros_launch():
        return good("launch", "ROS 2 launch: ros2 launch edge_autonomy sim.launch.yaml")
    return good("launch", "own interpreter: edge-autonomy launch launch/sim.launch.yaml")


def has_ros_launch() -> bool:
    """True where ROS 2's `launch` and `launch_ros` are installed.

    A directory named launch in the current directory imports as an empty package, and is not it.
    """
    return all(
        (spec := importlib.util.find_spec(module)) is not None and spec.origin is not None
        for module in ("launch", "launch_ros")
    )


def simulator() -> Check:
    """The physics engine of the embedded simulator."""
    try:
        mujoco = importlib.import_module("mujoco")
    except Exception as error:
        return fails("simulator", f"mujoco does not import: {error}", "make setup")
    return good("simulator", f"MuJoCo {mujoco.__version__}")


def gazebo() -> Check:
    """Gazebo Sim, which plays the same worlds."""
    program = shutil.which("gz")
    if program is None:
        return lacks(
            "gazebo",
            "not installed; the embedded simulator plays the worlds",
            "for Gazebo Harmonic: apt install ros-jazzy-ros-gz on a ROS machine",
        )
    output = _output([program, "sim", "--versions"])
    if "sim" not in output and not output[:1].isdigit():
        return lacks("gazebo", f"{program} has no 'sim'", "apt install gz-harmonic")
    return good("gazebo", f"Gazebo Sim {output.split()[0] if output else '(version unknown)'}")


def gl() -> Check:
    """Off-screen rendering, which camera sensors need."""
    probe = "import mujoco; c = mujoco.GLContext(32, 32); c.make_current(); c.free()"
    try:
        result = subprocess.run(
            [sys.executable, "-c", probe],
            env={**os.environ, "MUJOCO_GL": "egl"},
            capture_output=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return lacks("gl", "EGL hangs", "cameras will not render; check the graphics driver")
    if result.returncode != 0:
        return lacks(
            "gl",
            "no off-screen OpenGL (EGL); worlds with cameras need it",
            "sudo apt install libegl1 libgl1-mesa-dri",
        )
    return good("gl", "EGL renders off-screen")


def policy() -> Check:
    """The policy that is shipped, loaded as the decision node loads it."""
    from autonomy_interfaces.share import share_directory
    from autonomy_nodes.decision.contract import PolicyError, load_policy

    try:
        directory = share_directory() / "models" / "default"
        manifest = load_policy(directory).manifest
    except (PolicyError, OSError) as error:
        return lacks("policy", str(error), "the classical planner drives; see docs/policies.md")
    return good("policy", f"{manifest.name} {manifest.version}, accepted")


def data_files() -> Check:
    """Worlds, configurations and launch files."""
    from autonomy_interfaces.share import share_directory

    try:
        return good("data files", str(share_directory()))
    except FileNotFoundError as error:
        return fails("data files", "not found", str(error))


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "(version unknown)"


def _ros_remedy() -> str:
    if Path("/opt/ros/jazzy").is_dir():
        return "source /opt/ros/jazzy/setup.bash"
    return "make setup (installs ROS 2 Jazzy as wheels), or install ROS 2 Jazzy and source it"


def _output(command: list[str]) -> str:
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip()
