"""The differential drive of a model: which wheels, how far apart, within which limits."""

from __future__ import annotations

from dataclasses import dataclass

from world_sim.sdf.types import Model, Plugin
from world_sim.sdf.values import number, positive

DIFF_DRIVE_FILENAMES = (
    "gz-sim-diff-drive-system",
    "ignition-gazebo-diff-drive-system",
    "libgazebo_ros_diff_drive.so",
)
UNLIMITED = 1e9


@dataclass(frozen=True, slots=True)
class DriveSpec:
    """Parameters of gz-sim's DiffDrive system, with its names. SI units.

    left_joints, right_joints: names of the wheel joints in the model.
    """

    left_joints: tuple[str, ...]
    right_joints: tuple[str, ...]
    wheel_separation: float
    wheel_radius: float
    min_linear_velocity: float
    max_linear_velocity: float
    min_angular_velocity: float
    max_angular_velocity: float
    min_linear_acceleration: float
    max_linear_acceleration: float
    min_angular_acceleration: float
    max_angular_acceleration: float
    odometry_rate: float


def is_diff_drive(plugin: Plugin) -> bool:
    """Whether `plugin` is gz-sim's DiffDrive under any of its names."""
    stem = plugin.filename.removeprefix("lib").removesuffix(".so")
    return stem in {name.removeprefix("lib").removesuffix(".so") for name in DIFF_DRIVE_FILENAMES}


def read_drive(model: Model) -> DriveSpec | None:
    """The differential drive of `model`, or None where it has none.

    Raises:
        WorldError: the plugin names no joints, or joints that the model lacks.
    """
    plugin = next((p for p in model.plugins if is_diff_drive(p)), None)
    if plugin is None:
        return None
    element = plugin.element
    joints = {joint.name for joint in model.joints}
    sides = []
    for side in ("left_joint", "right_joint"):
        names = [child.text for child in element.find_all(side)]
        if not names:
            raise element.error(f"the diff drive of '{model.name}' lacks <{side}>")
        for name in names:
            if name not in joints:
                known = ", ".join(sorted(joints)) or "none"
                raise element.error(f"<{side}> '{name}' is no joint of the model", f"has: {known}")
        sides.append(tuple(names))
    limits = {}
    for kind in ("linear", "angular"):
        for quantity in ("velocity", "acceleration"):
            both = number(element, f"max_{quantity}", UNLIMITED)
            upper = number(element, f"max_{kind}_{quantity}", both)
            limits[f"max_{kind}_{quantity}"] = upper
            limits[f"min_{kind}_{quantity}"] = number(element, f"min_{kind}_{quantity}", -upper)
    return DriveSpec(
        left_joints=sides[0],
        right_joints=sides[1],
        wheel_separation=positive(element, "wheel_separation", 1.0),
        wheel_radius=positive(element, "wheel_radius", 0.2),
        odometry_rate=positive(element, "odom_publish_frequency", 50.0),
        **limits,
    )
