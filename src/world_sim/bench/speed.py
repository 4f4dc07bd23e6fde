"""How fast the simulator is, and how exact its lidar: `edge-autonomy bench sim`.

Times are of the one core that the simulator runs on (the thread's processor time), so that
other work on the machine does not count.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from autonomy_interfaces.messages import MILLISECOND, SECOND, Pose2D, VelocityCommand
from world_sim.lidar import cast
from world_sim.rays import RayCaster
from world_sim.robot import LidarClock
from world_sim.sdf.types import World
from world_sim.simulator import RobotSpawn, Simulator
from world_sim.slices import Slice, slice_models

CONTROL_NS = 20 * MILLISECOND
CIRCLE_SPEED, CIRCLE_RATE = 0.5, 1.0
CIRCLE_CLEARANCE = CIRCLE_SPEED / CIRCLE_RATE + 0.5
LIDAR_HEIGHT = 0.3
SENSOR_CLEARANCE = 0.15


class BenchError(ValueError):
    """What was asked for cannot be measured; the message says why."""


def whole_numbers(text: str, option: str) -> tuple[int, ...]:
    """The numbers in a list such as "1,2", given for `option`.

    Raises:
        BenchError: it is no list of positive whole numbers.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise BenchError(f"{option} '{text}': give positive whole numbers, as 1,2")
    return tuple(int(part) for part in parts)


def bench_simulator(
    world: World,
    seconds: float = 8.0,
    repeats: int = 5,
    poses: int = 1000,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Measure a world with a robot that drives in a circle, all its sensors on.

    Args:
        world: to measure in; a robot is added where it is widest if it has none.
        seconds: simulated, per repeat.
        repeats: the median of these counts.
        poses: random poses of the sensor at which the lidar is compared with `mj_multiRay`.
        progress: told what is being done.

    Returns:
        The figures of `edge-autonomy bench sim`, by name.
    """
    progress("building the world")
    started = time.thread_time()
    simulator = build_with_robot(world)
    simulator.advance(CONTROL_NS)
    load_s = time.thread_time() - started
    progress(f"driving {repeats} × {seconds:g} simulated seconds")
    factors = [seconds / drive_in_circles(simulator, seconds) for _ in range(repeats)]
    progress("physics alone")
    bare = build_with_robot(world)
    physics_us = statistics.median(physics_step_us(bare) for _ in range(repeats))
    progress(f"lidar against mj_multiRay at {poses} poses")
    return {
        "world": world.file,
        "realtime_factor": statistics.median(factors),
        "realtime_factor_best": max(factors),
        "physics_us_per_step": physics_us,
        "physics_step_ms": simulator.config.step_ms,
        "load_s": load_s,
        "contacts": len(simulator.contacts_since_start),
        **_rates(simulator),
        **_compare_lidar(world, simulator, poses),
    }


def build_with_robot(world: World) -> Simulator:
    """A simulator with at least one robot: the world's own, or one where there is most room."""
    simulator = Simulator(world)
    if simulator.robots:
        return simulator
    return Simulator(world, [RobotSpawn(pose=widest_place(world))])


def widest_place(world: World, seed: int = 0) -> Pose2D:
    """Of many random poses among the obstacles, the one furthest from any."""
    cut = slice_models([m for m in world.models if m.static], LIDAR_HEIGHT)
    candidates = _random_poses(cut, 400, np.random.default_rng(seed))
    if not len(candidates):
        return Pose2D(0.0, 0.0, 0.0)
    clearances = [_clearance(cut, x, y) for x, y, _ in candidates]
    x, y, yaw = candidates[int(np.argmax(clearances))]
    return Pose2D(float(x), float(y), float(yaw))


def _random_poses(cut: Slice, count: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """(K, 3) x, y, yaw within the bounds of a slice, grown by 2 m."""
    points = np.concatenate([cut.circles[:, :2], cut.segments[:, :2], cut.segments[:, 2:]])
    if not len(points):
        return np.empty((0, 3))
    low, high = points.min(axis=0) - 2.0, points.max(axis=0) + 2.0
    return np.column_stack(
        [rng.uniform(low, high, (count, 2)), rng.uniform(-math.pi, math.pi, count)]
    )


def _clearance(cut: Slice, x: float, y: float) -> float:
    """Distance to the nearest primitive, metres; negative inside a circle."""
    nearest = math.inf
    if len(cut.circles):
        offset = cut.circles[:, :2] - (x, y)
        nearest = float((np.hypot(*offset.T) - cut.circles[:, 2]).min())
    if len(cut.segments):
        a, b = cut.segments[:, :2], cut.segments[:, 2:]
        along = b - a
        length = np.maximum((along**2).sum(axis=1), 1e-12)
        place = np.clip((((x, y) - a) * along).sum(axis=1) / length, 0.0, 1.0)[:, None]
        nearest = min(nearest, float(np.hypot(*(a + place * along - (x, y)).T).min()))
    return nearest


def drive_in_circles(simulator: Simulator, seconds: float) -> float:
    """Processor seconds for so many simulated ones, each robot driving in a circle."""
    started = time.thread_time()
    end = simulator.now_ns + round(seconds * SECOND)
    while simulator.now_ns < end:
        for robot in simulator.robots:
            command = VelocityCommand(simulator.now_ns, CIRCLE_SPEED, CIRCLE_RATE)
            simulator.command(command, robot)
        simulator.advance(CONTROL_NS)
    return time.thread_time() - started


def _rates(simulator: Simulator) -> dict[str, float]:
    """How often each kind of message comes in a simulated second from one robot, and its beams."""
    first = next(iter(simulator.robots))
    topics = [m.topic for m in simulator.advance(SECOND) if m.robot == first]
    hertz: dict[str, float] = {f"{topic}_hz": topics.count(topic) for topic in sorted(set(topics))}
    return {**hertz, "beams": first_lidar(simulator).lidar.spec.samples}


def physics_step_us(simulator: Simulator, steps: int = 1000) -> float:
    """Microseconds of the processor for one physics step of driving robots, without sensors."""
    for robot in simulator.robots:
        simulator.command(VelocityCommand(simulator.now_ns, CIRCLE_SPEED, CIRCLE_RATE), robot)
    started = time.thread_time_ns()
    simulator._run_to(simulator._step + steps)
    return (time.thread_time_ns() - started) / steps / 1000.0


def scan_ms(simulator: Simulator, repeats: int = 200) -> float:
    """Milliseconds of the processor for one scan of the first robot, from where it is."""
    sensor = first_lidar(simulator)
    started = time.thread_time_ns()
    for _ in range(repeats):
        sensor.measure()
    return (time.thread_time_ns() - started) / repeats / MILLISECOND


def first_lidar(simulator: Simulator) -> LidarClock:
    """The first lidar of the first robot that has one.

    Raises:
        BenchError: no robot has any.
    """
    for robot in simulator.robots.values():
        for sensor in robot.clocked:
            if isinstance(sensor, LidarClock):
                return sensor
    raise BenchError(f"{simulator.world.file}: no robot has a lidar; there is nothing to measure")


def _compare_lidar(world: World, simulator: Simulator, poses: int) -> dict[str, float]:
    """Time of a scan, its gain over `mj_multiRay` and its largest difference from it."""
    lidar = first_lidar(simulator).lidar
    spec, cut = lidar.spec, lidar.slice
    fan = (spec.angle_min, lidar.increment, spec.samples, spec.range_max)
    caster = RayCaster([m for m in world.models if m.static])
    candidates = _random_poses(cut, 4 * poses, np.random.default_rng(1))
    free = [p for p in candidates if _clearance(cut, p[0], p[1]) > SENSOR_CLEARANCE][:poses]
    ours_ns = theirs_ns = 0
    largest = 0.0
    for x, y, yaw in free:
        start = time.thread_time_ns()
        ours = cast(cut.circles, cut.segments, x, y, yaw, *fan)
        middle = time.thread_time_ns()
        theirs = caster.cast(x, y, lidar.height, yaw, *fan)
        ours_ns += middle - start
        theirs_ns += time.thread_time_ns() - middle
        largest = max(largest, _largest_difference(ours, theirs, spec.range_max))
    return {
        "scan_ms": ours_ns / max(1, len(free)) / MILLISECOND,
        "multiray_ms": theirs_ns / max(1, len(free)) / MILLISECOND,
        "scan_speedup_vs_multiray": theirs_ns / max(1, ours_ns),
        "scan_max_error_m": largest,
        "scan_poses": len(free),
    }


def _largest_difference(
    ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any], range_max: float
) -> float:
    """Largest difference of two scans, metres; no return counts as the largest range."""
    difference = np.abs(np.minimum(ours, range_max) - np.minimum(theirs, range_max))
    return float(difference.max())
