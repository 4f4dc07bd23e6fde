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

# Below this speed (m/s, per second of physics step) slip is resisted in proportion: one step of
# full friction then ends in rest instead of passing it.
GRIP_SLIP_RATE = 10.0
# Time for which a wheel that bounced off the ground keeps its grip, seconds.
BOUNCE_S = 0.005

# Columns of `limits` (R, 10).
V_MIN, V_MAX, W_MIN, W_MAX, A_MIN, A_MAX, ALPHA_MIN, ALPHA_MAX, RADIUS, SEPARATION = range(10)
# Columns of `command` (R, 4): the target, what the limits have let through so far.
TARGET_V, TARGET_W, NOW_V, NOW_W = range(4)
# Columns of `odometry` (R, 13): wheels alone, wheels with the gyroscope's heading, last twist
# of the wheels, gyroscope error (bias and noise) now, angles that each side's wheels turned,
# distance and turn since the last message.
(WHEEL_X, WHEEL_Y, WHEEL_YAW, FUSED_X, FUSED_Y, FUSED_YAW) = range(6)
ODOM_V, ODOM_W, GYRO_ERROR, LEFT_ANGLE, RIGHT_ANGLE, DISTANCE, TURN = range(6, 13)
# Columns of `encoders` (R, 4): believed wheel radius per true one, left and right, believed
# distance between the sides (m), angle of one count (rad; zero for exact angles).
LEFT_SCALE, RIGHT_SCALE, TRACK, TICK = range(4)
# Columns of `tyres` (W, 4): friction coefficients of the contact along and across the tread, slip
# below which friction is proportional (m/s), seconds since the wheel last touched.
MU_ALONG, MU_ACROSS, GRIP_SLIP, AIRBORNE = range(4)


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


@njit(cache=True, nogil=True)
def _grip(
    k: int,
    speed: float,
    load: float,
    wheels: NDArray[np.int64],
    tyres: NDArray[np.float64],
    ctrl: NDArray[np.float64],
    velocity: NDArray[np.float64],
    force_range: NDArray[np.float64],
    sensordata: NDArray[np.float64],
    step_s: float,
) -> None:
    """Set the friction of wheel `k` for the next step.

    Its tread runs at `speed` m/s and carries `load` newtons while it touches the ground.
    """
    along, across = wheels[k, 2], wheels[k, 3]
    ctrl[along] = speed
    tyres[k, AIRBORNE] = 0.0 if sensordata[wheels[k, 4]] > 0.0 else tyres[k, AIRBORNE] + step_s
    if tyres[k, AIRBORNE] > BOUNCE_S:
        load = 0.0
    most_along, most_across = load * tyres[k, MU_ALONG], load * tyres[k, MU_ACROSS]
    slip_along, slip_across = velocity[along] - speed, velocity[across]
    if math.hypot(slip_along, slip_across) > tyres[k, GRIP_SLIP]:
        # The friction that takes the most power out of the slip, within the friction ellipse.
        weighted_along, weighted_across = most_along * slip_along, most_across * slip_across
        norm = math.hypot(weighted_along, weighted_across) + 1e-12
        most_along *= abs(weighted_along) / norm
        most_across *= abs(weighted_across) / norm
    force_range[along, 0], force_range[along, 1] = -most_along, most_along
    force_range[across, 0], force_range[across, 1] = -most_across, most_across


@njit(cache=True, nogil=True, inline="always")
def _touching_casters(
    r: int,
    casters: NDArray[np.int64],
    starts: NDArray[np.int64],
    sensordata: NDArray[np.float64],
) -> int:
    """Mask of the casters of robot `r` that touch the ground, the first in the lowest bit."""
    mask = 0
    for bit in range(starts[r + 1] - starts[r]):
        if sensordata[casters[starts[r] + bit]] > 0.0:
            mask |= 1 << bit
    return mask


@njit(cache=True, nogil=True)
def run_steps(
    model: int,
    data: int,
    steps: int,
    first_step: int,
    step_s: float,
    limits: NDArray[np.float64],
    speed_scale: NDArray[np.float64],
    grip: NDArray[np.float64],
    command: NDArray[np.float64],
    expiry: NDArray[np.int64],
    odometry: NDArray[np.float64],
    encoders: NDArray[np.float64],
    wheels: NDArray[np.int64],
    tyres: NDArray[np.float64],
    loads: NDArray[np.float64],
    casters: NDArray[np.int64],
    caster_starts: NDArray[np.int64],
    roots: NDArray[np.int64],
    contact: NDArray[np.int64],
    touching: NDArray[np.int64],
    accelerometer: NDArray[np.int64],
    specific_force: NDArray[np.float64],
    qvel: NDArray[np.float64],
    ctrl: NDArray[np.float64],
    velocity: NDArray[np.float64],
    force_range: NDArray[np.float64],
    sensordata: NDArray[np.float64],
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
        limits: (R, 10) per robot, see the column names.
        speed_scale: (R, 2) wheel speed reached per wheel speed asked for, left and right.
        grip: (R, 2) friction of the tyres per their healthy friction, left and right.
        command: (R, 4) per robot, updated.
        expiry: (R,) number of the step from which the command has timed out.
        odometry: (R, 13) per robot, updated.
        encoders: (R, 4) per robot, see the column names.
        wheels: (W, 5) robot, side (0 left, 1 right), actuators along and across the tread,
            address of the wheel's contact count in sensordata.
        tyres: (W, 4) per wheel, see the column names, updated.
        loads: (W, 2^C) newtons on each wheel by the mask of its robot's casters that touch.
        casters: addresses of all casters' contact counts in sensordata.
        caster_starts: (R + 1,) where each robot's begin in `casters`.
        roots: (R,) address of the base's free joint in qvel.
        contact: (R, 2) addresses of the contact counts in sensordata: all, and ground.
        touching: (R,) contacts other than the ground after the last step, updated.
        accelerometer: (I,) address of each IMU's accelerometer in sensordata.
        specific_force: (I, 4) sums over steps of x, y, z m/s², and their number, updated.
        qvel: mjData.qvel.
        ctrl: mjData.ctrl.
        velocity: mjData.actuator_velocity.
        force_range: mjModel.actuator_forcerange.
        sensordata: mjData.sensordata.

    Returns:
        The number of steps taken.
    """
    robots = limits.shape[0]
    for step in range(steps):
        for k in range(wheels.shape[0]):
            r, side = wheels[k, 0], wheels[k, 1]
            speed = _tread_speed(limits[r], command[r], side) * speed_scale[r, side]
            load = loads[k, _touching_casters(r, casters, caster_starts, sensordata)]
            _grip(
                k,
                speed,
                load * grip[r, side],
                wheels,
                tyres,
                ctrl,
                velocity,
                force_range,
                sensordata,
                step_s,
            )
        _mj_step(model, data)
        for r in range(robots):
            left = _tread_speed(limits[r], command[r], 0) * speed_scale[r, 0] * step_s
            right = _tread_speed(limits[r], command[r], 1) * speed_scale[r, 1] * step_s
            radius, yaw_rate = limits[r, RADIUS], qvel[roots[r] + 5]
            _update_odometry(odometry[r], encoders[r], radius, left, right, yaw_rate, step_s)
            # What the limits let through reaches the wheels with the next step, as in Gazebo.
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


@njit(cache=True, nogil=True, inline="always")
def _tread_speed(limits: NDArray[np.float64], command: NDArray[np.float64], side: int) -> float:
    """Speed of the treads of one side (0 left, 1 right), m/s."""
    offset = 0.5 * limits[SEPARATION] * command[NOW_W]
    speed: float = command[NOW_V] + (offset if side == 1 else -offset)
    return speed


@njit(cache=True, nogil=True, inline="always")
def _counted(before: float, after: float, tick: float) -> float:
    """Angle that a wheel's encoder counts while it turns from `before` to `after`, radians."""
    return (math.floor(after / tick) - math.floor(before / tick)) * tick


@njit(cache=True, nogil=True)
def _update_odometry(
    odometry: NDArray[np.float64],
    encoder: NDArray[np.float64],
    radius: float,
    left: float,
    right: float,
    yaw_rate: float,
    step_s: float,
) -> None:
    """Advance both odometries of a robot whose treads ran `left` and `right` metres."""
    left_before, right_before = odometry[LEFT_ANGLE], odometry[RIGHT_ANGLE]
    odometry[LEFT_ANGLE] += left / radius
    odometry[RIGHT_ANGLE] += right / radius
    if encoder[TICK] > 0.0:
        left = _counted(left_before, odometry[LEFT_ANGLE], encoder[TICK]) * radius
        right = _counted(right_before, odometry[RIGHT_ANGLE], encoder[TICK]) * radius
    left *= encoder[LEFT_SCALE]
    right *= encoder[RIGHT_SCALE]
    distance = 0.5 * (left + right)
    turn = (right - left) / encoder[TRACK]
    integrate(odometry, WHEEL_X, distance, turn)
    integrate(odometry, FUSED_X, distance, (yaw_rate + odometry[GYRO_ERROR]) * step_s)
    odometry[ODOM_V] = distance / step_s
    odometry[ODOM_W] = turn / step_s
    odometry[DISTANCE] += distance
    odometry[TURN] += turn
