"""The compiled inner loop: drive, physics and wheel odometry, one physics step after another.

MuJoCo's `mj_step` is called from compiled code, so that a step costs no Python. State lives in
arrays that the simulator owns; the columns of each are named by the constants below.
"""

from __future__ import annotations

import math
from pathlib import Path

import llvmlite.binding
import mujoco
import numpy as np
from numba import njit, types
from numpy.typing import NDArray

llvmlite.binding.load_library_permanently(
    str(next(Path(mujoco.__file__).parent.glob("libmujoco*")))
)
_mj_step = types.ExternalFunction("mj_step", types.void(types.intp, types.intp))

# MuJoCo's friction brings slip to zero within a time constant, and where it cannot, because the
# tyre skids, what is missing lifts the wheel off the ground. Choosing the time constant by the
# slip itself, so that the deceleration asked for is a little more than a tyre can give, leaves
# the skid to Coulomb's law and the wheel on the ground. Seconds, m/s².
GRIP_TIME = 0.004
SLIP_DECELERATION = 30.0

# Columns of `limits` (R, 10).
V_MIN, V_MAX, W_MIN, W_MAX, A_MIN, A_MAX, ALPHA_MIN, ALPHA_MAX, RADIUS, SEPARATION = range(10)
# Columns of `command` (R, 4): the target, what the limits have let through so far.
TARGET_V, TARGET_W, NOW_V, NOW_W = range(4)
# Columns of `odometry` (R, 11): wheels alone, wheels with the gyroscope's heading, last twist
# of the wheels, gyroscope error (bias and noise) now, wheel angles of the left and right side.
(WHEEL_X, WHEEL_Y, WHEEL_YAW, FUSED_X, FUSED_Y, FUSED_YAW) = range(6)
ODOM_V, ODOM_W, GYRO_ERROR, LEFT_ANGLE, RIGHT_ANGLE = range(6, 11)


@njit(cache=True, nogil=True, inline="always")
def limit(
    target: float, now: float, low: float, high: float, slowest: float, fastest: float, step: float
) -> float:
    """gz-math's SpeedLimiter: clamp to the velocity limits, then to the change of one step."""
    target = min(max(target, low), high)
    return min(max(target, now + slowest * step), now + fastest * step)


@njit(cache=True, nogil=True, inline="always")
def integrate(pose: NDArray[np.float64], at: int, distance: float, turn: float) -> None:
    """Advance the pose in `pose[at:at+3]` along an arc, at its middle heading."""
    heading = pose[at + 2] + 0.5 * turn
    pose[at] += distance * math.cos(heading)
    pose[at + 1] += distance * math.sin(heading)
    pose[at + 2] += turn


@njit(cache=True, nogil=True, inline="always")
def _slip(
    speed: float,
    place: NDArray[np.float64],
    root: NDArray[np.int64],
    qpos: NDArray[np.float64],
    qvel: NDArray[np.float64],
) -> float:
    """Speed at which the ground passes a wheel's contact, m/s; `speed` is that of its tread."""
    q, v = root[0], root[1]
    qw, qx, qy, qz = qpos[q + 3], qpos[q + 4], qpos[q + 5], qpos[q + 6]
    yaw = math.atan2(2.0 * (qw * qz + qx * qy), 1.0 - 2.0 * (qy * qy + qz * qz))
    cosine, sine = math.cos(yaw), math.sin(yaw)
    forward = cosine * qvel[v] + sine * qvel[v + 1] - qvel[v + 5] * place[1] - speed
    sideways = -sine * qvel[v] + cosine * qvel[v + 1] + qvel[v + 5] * place[0]
    return math.hypot(forward, sideways)


@njit(cache=True, nogil=True)
def run_steps(
    model: int,
    data: int,
    steps: int,
    first_step: int,
    step_s: float,
    armature: float,
    limits: NDArray[np.float64],
    speed_scale: NDArray[np.float64],
    command: NDArray[np.float64],
    expiry: NDArray[np.int64],
    odometry: NDArray[np.float64],
    wheels: NDArray[np.int64],
    places: NDArray[np.float64],
    pairs: NDArray[np.int64],
    roots: NDArray[np.int64],
    contact: NDArray[np.int64],
    touching: NDArray[np.int64],
    accelerometer: NDArray[np.int64],
    specific_force: NDArray[np.float64],
    qpos: NDArray[np.float64],
    qvel: NDArray[np.float64],
    ctrl: NDArray[np.float64],
    sensordata: NDArray[np.float64],
    pair_friction: NDArray[np.float64],
) -> int:
    """Advance the physics by up to `steps` steps.

    Stops early after a step in which the number of a robot's contacts with anything but the
    ground changed, so that the caller can look which model it touches.

    Args:
        model: address of the mjModel.
        data: address of the mjData.
        steps: how many steps to take at most.
        first_step: number of the first of them since the start of the simulation.
        step_s: duration of one, seconds.
        armature: rotor inertia of the wheels, kg m².
        limits: (R, 10) per robot, see the column names.
        speed_scale: (R, 2) wheel speed reached per wheel speed asked for, left and right.
        command: (R, 4) per robot, updated.
        expiry: (R,) number of the step from which the command has timed out.
        odometry: (R, 11) per robot, updated.
        wheels: (W, 5) robot, side (0 left, 1 right), address in qpos, in qvel, in ctrl.
        places: (W, 2) where each wheel stands, x and y in the base's frame, metres.
        pairs: (P,) wheel of each contact pair.
        roots: (R, 2) addresses of the base's free joint in qpos and qvel.
        contact: (R, 2) addresses of the contact counts in sensordata: all, and ground.
        touching: (R,) contacts other than the ground after the last step, updated.
        accelerometer: (I,) address of each IMU's accelerometer in sensordata.
        specific_force: (I, 4) sums over steps of x, y, z m/s², and their number, updated.
        qpos: mjData.qpos.
        qvel: mjData.qvel.
        ctrl: mjData.ctrl.
        sensordata: mjData.sensordata.
        pair_friction: mjModel.pair_solreffriction.

    Returns:
        The number of steps taken.
    """
    robots = limits.shape[0]
    slip = np.zeros(wheels.shape[0])
    for step in range(steps):
        for r in range(robots):
            expired = first_step + step >= expiry[r]
            target_v = 0.0 if expired else command[r, TARGET_V]
            target_w = 0.0 if expired else command[r, TARGET_W]
            command[r, NOW_V] = limit(
                target_v, command[r, NOW_V], limits[r, V_MIN], limits[r, V_MAX],
                limits[r, A_MIN], limits[r, A_MAX], step_s,
            )  # fmt: skip
            command[r, NOW_W] = limit(
                target_w, command[r, NOW_W], limits[r, W_MIN], limits[r, W_MAX],
                limits[r, ALPHA_MIN], limits[r, ALPHA_MAX], step_s,
            )  # fmt: skip
        for k in range(wheels.shape[0]):
            r = wheels[k, 0]
            offset = 0.5 * limits[r, SEPARATION] * command[r, NOW_W]
            speed = command[r, NOW_V] + (offset if wheels[k, 1] == 1 else -offset)
            speed *= speed_scale[r, wheels[k, 1]]
            dof = wheels[k, 3]
            # The torque that brings the rotor to its speed in this step, whatever contact does.
            ctrl[wheels[k, 4]] = armature * (speed / limits[r, RADIUS] - qvel[dof]) / step_s
            slip[k] = _slip(speed, places[k], roots[r], qpos, qvel)
        for p in range(pairs.shape[0]):
            pair_friction[p, 0] = max(GRIP_TIME, 2.0 * slip[pairs[p]] / SLIP_DECELERATION)
        _mj_step(model, data)
        for r in range(robots):
            _update_odometry(r, limits, odometry, wheels, qpos, qvel[roots[r, 1] + 5], step_s)
        for i in range(accelerometer.shape[0]):
            for axis in range(3):
                specific_force[i, axis] += sensordata[accelerometer[i] + axis]
            specific_force[i, 3] += 1.0
        changed = False
        for r in range(robots):
            count = int(sensordata[contact[r, 0]] - sensordata[contact[r, 1]])
            if count != touching[r]:
                touching[r] = count
                changed = True
        if changed:
            return step + 1
    return steps


@njit(cache=True, nogil=True)
def _update_odometry(
    r: int,
    limits: NDArray[np.float64],
    odometry: NDArray[np.float64],
    wheels: NDArray[np.int64],
    qpos: NDArray[np.float64],
    yaw_rate: float,
    step_s: float,
) -> None:
    """Advance both odometries of robot `r` by what its wheels turned since the last step."""
    angle = np.zeros(2)
    count = np.zeros(2)
    for k in range(wheels.shape[0]):
        if wheels[k, 0] == r:
            angle[wheels[k, 1]] += qpos[wheels[k, 2]]
            count[wheels[k, 1]] += 1.0
    left, right = angle[0] / count[0], angle[1] / count[1]
    moved_left = (left - odometry[r, LEFT_ANGLE]) * limits[r, RADIUS]
    moved_right = (right - odometry[r, RIGHT_ANGLE]) * limits[r, RADIUS]
    odometry[r, LEFT_ANGLE] = left
    odometry[r, RIGHT_ANGLE] = right
    distance = 0.5 * (moved_left + moved_right)
    turn = (moved_right - moved_left) / limits[r, SEPARATION]
    integrate(odometry[r], WHEEL_X, distance, turn)
    integrate(odometry[r], FUSED_X, distance, (yaw_rate + odometry[r, GYRO_ERROR]) * step_s)
    odometry[r, ODOM_V] = distance / step_s
    odometry[r, ODOM_W] = turn / step_s
