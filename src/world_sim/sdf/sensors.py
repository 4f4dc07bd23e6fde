"""Reading of <sensor> elements."""

from __future__ import annotations

import math

from world_sim.sdf.element import Element
from world_sim.sdf.pose import Pose3
from world_sim.sdf.sensor_types import CameraSpec, ImuSpec, LidarSpec, NavSatSpec, Noise, Sensor
from world_sim.sdf.values import attribute, number, positive, positive_or_zero, text_of

LIDAR_KINDS = ("gpu_lidar", "lidar", "ray", "gpu_ray")
# What each kind of camera gives: colour, depth.
CAMERA_KINDS = {"camera": (True, False), "depth_camera": (False, True), "rgbd_camera": (True, True)}
NAVSAT_KINDS = ("navsat", "gps")
MAX_PIXELS = 4096
AXES = ("x", "y", "z")
QUANTIZED = "gaussian_quantized"


def read_sensor(element: Element, pose: Pose3) -> Sensor:
    """Read a <sensor> whose pose in its link is known."""
    kind = attribute(element, "type")
    spec: LidarSpec | ImuSpec | NavSatSpec | CameraSpec | None = None
    if kind in LIDAR_KINDS:
        kind = "lidar"
        spec = _read_lidar(element)
    elif kind == "imu":
        spec = _read_imu(element.find("imu"))
    elif kind in NAVSAT_KINDS:
        kind = "navsat"
        spec = _read_navsat(element.find("navsat") or element.find("gps"))
    elif kind in CAMERA_KINDS:
        spec = _read_camera(element, *CAMERA_KINDS[kind])
    return Sensor(
        name=attribute(element, "name"),
        kind=kind,
        pose=pose,
        update_rate=positive_or_zero(element, "update_rate"),
        topic=text_of(element, "topic"),
        location=element.location,
        spec=spec,
    )


def _read_lidar(sensor: Element) -> LidarSpec:
    lidar = sensor.find("lidar") or sensor.find("ray")
    if lidar is None:
        raise sensor.error("lacks <lidar>")
    horizontal = lidar.find_path("scan", "horizontal")
    limits = lidar.find("range")
    if horizontal is None or limits is None:
        raise lidar.error("needs <scan><horizontal> and <range>")
    samples = int(number(horizontal, "samples", 640))
    angle_min = number(horizontal, "min_angle", 0.0)
    angle_max = number(horizontal, "max_angle", 0.0)
    range_min, range_max = number(limits, "min", 0.0), number(limits, "max", 10.0)
    if not 1 <= samples <= 100_000:
        raise horizontal.error(f"<samples> must be 1 to 100000, got {samples}")
    if angle_max < angle_min or angle_max - angle_min > 2 * math.pi + 1e-3:
        raise horizontal.error("needs min_angle <= max_angle, at most one turn apart")
    if not 0 <= range_min < range_max:
        raise limits.error(f"needs 0 <= min < max, got {range_min:g} and {range_max:g}")
    return LidarSpec(
        samples, angle_min, angle_max, range_min, range_max, read_noise(lidar.find("noise"))
    )


def _read_imu(imu: Element | None) -> ImuSpec:
    if imu is None:
        return ImuSpec()
    gyro = [_axis_noise(imu.find_path("angular_velocity", axis)) for axis in AXES]
    accelerometer = [_axis_noise(imu.find_path("linear_acceleration", axis)) for axis in AXES]
    return ImuSpec((gyro[0], gyro[1], gyro[2]), tuple(accelerometer))  # type: ignore[arg-type]


def _read_navsat(navsat: Element | None) -> NavSatSpec:
    if navsat is None:
        return NavSatSpec()
    return NavSatSpec(
        *(
            read_noise(navsat.find_path(sensed, direction, "noise"))
            for sensed in ("position_sensing", "velocity_sensing")
            for direction in ("horizontal", "vertical")
        )
    )


def _read_camera(sensor: Element, color: bool, depth: bool) -> CameraSpec:
    camera = sensor.find("camera")
    if camera is None:
        raise sensor.error("lacks <camera>", "say its field of view, image and clipping")
    image = camera.find("image") or Element("image", {}, camera.location)
    clip = camera.find("clip") or Element("clip", {}, camera.location)
    width, height = (int(positive(image, *size)) for size in (("width", 320.0), ("height", 240.0)))
    if not (1 <= width <= MAX_PIXELS and 1 <= height <= MAX_PIXELS):
        raise image.error(f"{width} × {height} pixels", f"give 1 to {MAX_PIXELS} along each side")
    view = positive(camera, "horizontal_fov", 1.047)
    if not 0.01 <= view <= 3.1:
        raise camera.error(f"<horizontal_fov> {view:g} rad", "give 0.01 to 3.1")
    near, far = positive(clip, "near", 0.1), positive(clip, "far", 100.0)
    if near >= far:
        raise clip.error(f"near {near:g} is not below far {far:g}", "swap them")
    return CameraSpec(
        width, height, view, near, far, color, depth, read_noise(camera.find("noise"))
    )


def _axis_noise(axis: Element | None) -> Noise:
    return Noise() if axis is None else read_noise(axis.find("noise"))


def read_noise(element: Element | None) -> Noise:
    """Read a <noise> of type gaussian; anything else is no noise."""
    if element is None:
        return Noise()
    kind = element.attributes.get("type") or text_of(element, "type", "gaussian")
    if kind not in ("gaussian", QUANTIZED):
        return Noise()
    mean = number(element, "mean", 0.0)
    return Noise(
        stddev=positive_or_zero(element, "stddev"),
        bias_mean=number(element, "bias_mean", 0.0) + mean,
        bias_stddev=positive_or_zero(element, "bias_stddev"),
        precision=positive_or_zero(element, "precision") if kind == QUANTIZED else 0.0,
        drift_stddev=positive_or_zero(element, "dynamic_bias_stddev"),
        drift_time_s=positive_or_zero(element, "dynamic_bias_correlation_time"),
    )
