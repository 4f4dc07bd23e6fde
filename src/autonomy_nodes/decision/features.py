"""From sensor data to a policy's input tensors, as its manifest binds them.

Training and the decision node use this one encoder, so a policy meets in operation exactly what
it was trained on.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from autonomy_interfaces.geometry import relative
from autonomy_interfaces.messages import Costmap, LaserScan, Odometry, Pose2D
from autonomy_nodes.decision.along_path import points_along
from autonomy_nodes.decision.errors import InferenceError
from autonomy_nodes.decision.inputs import InputSpec, Statistics
from autonomy_nodes.decision.manifest import Manifest
from autonomy_nodes.decision.scan_sectors import pool_sectors
from autonomy_nodes.decision.sources import (
    CostmapSource,
    GoalSource,
    GuideSource,
    ScanSource,
    Source,
    VelocitySource,
)
from autonomy_nodes.tracking.moving_bodies import NO_BODIES

Features = NDArray[np.float32]

MINIMUM_STD: Final = 1e-3
OCCUPIED: Final = 100.0
END_LENGTH: Final = 0.4


@dataclass(frozen=True, slots=True)
class Observation:
    """What a policy may be fed with at one tick.

    Attributes:
        scan: the newest scan.
        odometry: the newest odometry, frame odom.
        goal: goal pose, odom frame.
        guide: (M, 2) float64 path to the goal, odom frame; M may be 0.
        costmap: local costmap, odom frame.
        lidar_yaw: heading of the scan's zero bearing in base_link, radians.
        bodies: (M, 5) float64, those that move, as `MovingBodies.at` tells them, odom frame.
    """

    scan: LaserScan
    odometry: Odometry
    goal: Pose2D
    guide: NDArray[np.float64]
    costmap: Costmap
    lidar_yaw: float = 0.0
    bodies: NDArray[np.float64] = field(default_factory=lambda: NO_BODIES)


class FeatureEncoder:
    """Builds input tensors and says how familiar they are; keeps the history between ticks."""

    def __init__(self, manifest: Manifest):
        self._builders = {spec.tensor: TensorBuilder(spec) for spec in manifest.inputs}

    def reset(self) -> None:
        """Forget the history, as before the first tick of a goal."""
        for builder in self._builders.values():
            builder.reset()

    def encode(self, observation: Observation) -> tuple[dict[str, Features], list[Features]]:
        """Compute the tensors of this tick and append it to the history.

        A history that is not full yet is filled with its oldest tick. A tick with a missing
        input is in no history.

        Returns:
            The tensors by name, float32 in the manifest's shapes; and the features of each
            source of this tick before normalisation, flat, in the manifest's order of inputs and
            of the parts in them.

        Raises:
            InferenceError: an input is missing and its rule is to refuse (`missing_input`).
        """
        features = {
            tensor: [encode_source(source, observation) for source in builder.sources]
            for tensor, builder in self._builders.items()
        }
        tensors = {
            tensor: builder.append(features[tensor]) for tensor, builder in self._builders.items()
        }
        return tensors, [raw for of_tensor in features.values() for raw in of_tensor]


class TensorBuilder:
    """Lays the features of one tensor's sources end to end, normalised, with their history.

    sources: what feeds the tensor, in its order.
    """

    def __init__(self, spec: InputSpec):
        parts = list(spec.bindings.values())
        self.sources = [part.source for part in parts]
        self._shape = spec.shape
        self._offsets = [np.asarray(part.offset, np.float32) for part in parts]
        self._scales = [np.asarray(part.scale, np.float32) for part in parts]
        self._pasts = [_Window(part.history) for part in parts]
        self._frames = _Window(spec.history)

    def reset(self) -> None:
        """Forget the history."""
        for window in (*self._pasts, self._frames):
            window.ticks.clear()

    def append(self, features: list[Features]) -> Features:
        """The tensor of a tick with these features, one (N,) array per source, not normalised."""
        stretches = [
            past.append((raw - offset) / scale)
            for raw, offset, scale, past in zip(
                features, self._offsets, self._scales, self._pasts, strict=True
            )
        ]
        return self._frames.append(np.concatenate(stretches)).reshape(self._shape)


class _Window:
    """The last ticks of an array, oldest first."""

    def __init__(self, length: int):
        self.ticks: deque[Features] = deque(maxlen=length)
        self._length = length

    def append(self, newest: Features) -> Features:
        """All ticks in one row; the oldest stands for those that were not yet."""
        self.ticks.append(newest)
        return np.concatenate([self.ticks[0]] * (self._length - len(self.ticks)) + [*self.ticks])


class Familiarity:
    """Tells inputs that resemble the training data from those that do not."""

    def __init__(self, manifest: Manifest):
        bindings = [item for spec in manifest.inputs for item in spec.bindings.items()]
        self._inputs = [
            (index, name, *_moments(part.statistics), part.statistics.score_limit)
            for index, (name, part) in enumerate(bindings)
            if part.statistics is not None
        ]

    def score(self, features: list[Features]) -> tuple[float, str]:
        """Score the features of one tick, as `encode` gives them, by the manifest's statistics.

        Returns:
            The largest ratio of an input's root mean square z-score to its limit, and that
            input's name (`InputSpec.bindings`); above 1 the tick is out of distribution.
            (0, "") without statistics.
        """
        worst, worst_name = 0.0, ""
        for index, name, mean, std, limit in self._inputs:
            ratio = rms_z(features[index], mean, std) / limit
            if ratio > worst:
                worst, worst_name = ratio, name
        return worst, worst_name


def rms_z(features: Features, mean: Features, std: Features) -> float:
    """Root mean square of the z-scores of (N,) features; infinite where one is not finite."""
    z = (features - mean) / np.maximum(std, MINIMUM_STD)
    score = float(np.sqrt(np.mean(np.square(z))))
    return score if math.isfinite(score) else math.inf


def _moments(statistics: Statistics) -> tuple[Features, Features]:
    return np.asarray(statistics.mean, np.float32), np.asarray(statistics.std, np.float32)


def encode_source(source: Source, observation: Observation) -> Features:
    """Features of one source at one tick, flat float32 in SI units, before normalisation.

    Raises:
        InferenceError: the source is missing (`missing_input`).
    """
    if isinstance(source, ScanSource):
        return _encode_scan(source, observation)
    if isinstance(source, GoalSource):
        return _encode_goal(source, observation)
    if isinstance(source, GuideSource):
        return _encode_guide(source, observation)
    if isinstance(source, VelocitySource):
        return np.array([observation.odometry.vx, observation.odometry.wz], np.float32)
    return _encode_costmap(source, observation)


def _encode_scan(source: ScanSource, observation: Observation) -> Features:
    scan = observation.scan
    sectors = np.empty(source.beams, np.float32)
    pool_sectors(
        scan.ranges,
        scan.angle_min + observation.lidar_yaw,
        scan.angle_increment,
        scan.range_min,
        scan.range_max,
        source.field_of_view,
        sectors,
    )
    missing = np.isnan(sectors)
    if missing.any():
        if source.missing == "refuse":
            count = int(missing.sum())
            raise InferenceError("missing_input", f"scan: {count} of {source.beams} sectors empty")
        sectors[missing] = source.max_range if source.missing == "max_range" else 0.0
    return np.minimum(sectors, np.float32(source.max_range))


def _encode_goal(source: GoalSource, observation: Observation) -> Features:
    goal = relative(observation.odometry.pose, observation.goal)
    bearing = math.atan2(goal.y, goal.x)
    distance = min(math.hypot(goal.x, goal.y), source.max_distance)
    return np.array([distance, math.cos(bearing), math.sin(bearing)], np.float32)


def _encode_guide(source: GuideSource, observation: Observation) -> Features:
    if len(observation.guide) == 0:
        raise InferenceError("missing_input", "guide: no path to the goal")
    pose = observation.odometry.pose
    guide = observation.guide
    if source.beyond == "straight":
        guide = prolonged(guide, pose, source.lookahead[-1])
    points = points_ahead(guide, pose, np.asarray(source.lookahead, np.float64))
    cosine, sine = math.cos(pose.yaw), math.sin(pose.yaw)
    x, y = points[:, 0] - pose.x, points[:, 1] - pose.y
    in_base = np.column_stack((cosine * x + sine * y, -sine * x + cosine * y))
    return in_base.astype(np.float32).reshape(-1)


def prolonged(path: NDArray[np.float64], pose: Pose2D, distance: float) -> NDArray[np.float64]:
    """A path continued by `distance` metres along the line on which it ends.

    Its last direction is that of its last `END_LENGTH` metres, or from the robot to its end where
    it is shorter.

    Args:
        path: (M, 2), metres, M >= 1, in the frame of `pose`.
        pose: of the robot.
        distance: metres.
    """
    end = path[-1]
    far = np.flatnonzero(np.hypot(*(path - end).T) >= END_LENGTH)
    start = path[far[-1]] if len(far) else np.array([pose.x, pose.y])
    direction = end - start
    length = float(np.hypot(*direction))
    if length < END_LENGTH / 4:
        direction, length = np.array([math.cos(pose.yaw), math.sin(pose.yaw)]), 1.0
    return np.vstack((path, end + distance / length * direction))


def points_ahead(
    path: NDArray[np.float64], pose: Pose2D, distances: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Points on a path at given lengths past the place nearest to the robot.

    Args:
        path: (M, 2), metres, M >= 1, in the frame of `pose`.
        pose: of the robot.
        distances: (K,), metres along the path.

    Returns:
        (K, 2), metres, in the frame of `path`; the last point for distances past the end.
    """
    if len(path) == 1:
        return np.repeat(path, len(distances), axis=0)
    points: NDArray[np.float64]
    points = points_along(np.ascontiguousarray(path), pose.x, pose.y, distances)
    return points


def _encode_costmap(source: CostmapSource, observation: Observation) -> Features:
    costmap, pose = observation.costmap, observation.odometry.pose
    axis = (np.arange(source.size) - source.size / 2 + 0.5) * source.resolution
    forward, left = np.meshgrid(axis, axis)
    cosine, sine = math.cos(pose.yaw), math.sin(pose.yaw)
    x = pose.x + cosine * forward - sine * left
    y = pose.y + sine * forward + cosine * left
    columns = np.floor((x - costmap.origin_x) / costmap.resolution).astype(np.int64)
    rows = np.floor((y - costmap.origin_y) / costmap.resolution).astype(np.int64)
    height, width = costmap.data.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    patch = np.full(rows.shape, -1.0, np.float32)
    patch[inside] = costmap.data[rows[inside], columns[inside]]
    return (
        np.where(patch < 0, np.float32(source.unknown), patch / OCCUPIED)
        .astype(np.float32)
        .reshape(-1)
    )
