"""Cameras see the world as it is; without OpenGL everything else runs; images go out on ROS."""

from __future__ import annotations

import gc
import logging
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import sdf_text

from autonomy_interfaces.messages import SECOND, Pose2D
from autonomy_interfaces.parameters import ParameterError
from world_sim import camera_gl
from world_sim.camera_gl import NoOpenGL, open_context, opengl_problem
from world_sim.measurement import CameraImage
from world_sim.sdf.types import ImuSpec, Noise
from world_sim.sensors import InertialUnit
from world_sim.simulator import RobotSpawn, Simulator, SimulatorConfig
from world_sim.wandering import Wandering
from world_sim.world import WorldError, load_world

needs_gl = pytest.mark.skipif(bool(opengl_problem()), reason=opengl_problem())

SENSOR = """
<sensor name="{name}" type="{kind}"><pose>{pose}</pose><update_rate>{rate}</update_rate>
<camera><horizontal_fov>1.0</horizontal_fov><image><width>{width}</width><height>60</height></image>
<clip><near>0.1</near><far>{far}</far></clip>{noise}</camera></sensor>"""


def sensor(kind: str, **values: object) -> str:
    defaults = {
        "name": kind, "pose": "0.3 0 0.5 0 0 0", "rate": 10, "width": 80, "far": 15, "noise": ""
    }  # fmt: skip
    return SENSOR.format(kind=kind, **{**defaults, **values})


def painted(name: str, shape: str, pose: str, rgb: str) -> str:
    material = f"<material><diffuse>{rgb} 1</diffuse></material></visual>"
    return sdf_text.shape(name, shape, pose).replace("</visual>", material)


WALL = painted("wall", sdf_text.box(0.2, 8, 4), "4.1 0 2 0 0 0", "0.9 0.1 0.1")
POST = painted("post", sdf_text.cylinder(0.1, 2), "2.1 0.5 1 0 0 0", "0.1 0.1 0.9")


def simulate(tmp_path, *sensors: str, content: str = WALL + POST, **config) -> Simulator:
    cart = sdf_text.two_wheeler().replace('<link name="left">', "<link name='left'>", 1)
    robot = cart.replace("</link>", "".join(sensors) + "</link>", 1)
    world = load_world(sdf_text.write(tmp_path, sdf_text.world(content, robot)))
    return Simulator(world, config=SimulatorConfig(**config))


def images(simulator: Simulator, topic: str, duration_ns: int = SECOND) -> list[CameraImage]:
    return [m.message for m in simulator.advance(duration_ns) if m.topic == topic]


@needs_gl
def test_depth_is_the_distance_along_the_axis_of_the_camera(tmp_path):
    depth = images(simulate(tmp_path, sensor("depth_camera")), "depth")[-1].pixels
    assert depth.shape == (60, 80)
    assert depth.dtype == np.float32
    # The wall is flat: the same distance in the middle and at the edge of the view.
    np.testing.assert_allclose(depth[30, [5, 40, 75]], 4.0 - 0.3, atol=0.01)
    # The post stands 0.5 m to the left of the axis, which is left in the image.
    focal = 40 / math.tan(0.5)
    column = round(40 - focal * 0.5 / (2.1 - 0.3))
    assert depth[30, column] == pytest.approx(2.1 - 0.1 - 0.3, abs=0.02)


@needs_gl
def test_colour_is_that_of_the_material(tmp_path):
    color = images(simulate(tmp_path, sensor("camera")), "camera")[-1].pixels
    assert color.shape == (60, 80, 3)
    red, green, blue = color[20, 70].astype(int)
    assert red > 2 * green
    assert red > 2 * blue
    left = color[20, :35].astype(int)
    assert (left[:, 2] > 2 * left[:, 0]).any()


@needs_gl
def test_beyond_the_far_plane_there_is_nothing(tmp_path):
    simulator = simulate(tmp_path, sensor("depth_camera", far=3.0))
    depth = images(simulator, "depth")[-1].pixels
    assert np.isinf(depth[20, 70])
    assert np.isfinite(depth).any()


@needs_gl
def test_a_camera_that_is_no_longer_used_leaves_the_pictures_of_others_alone(tmp_path):
    first, second = (simulate(tmp_path, sensor("depth_camera", far=far)) for far in (15, 3.0))
    images(first, "depth")
    before = np.isinf(images(second, "depth")[-1].pixels)
    assert 0.5 < before.mean() < 0.8
    del first
    gc.collect()
    np.testing.assert_array_equal(np.isinf(images(second, "depth")[-1].pixels), before)
    third = simulate(tmp_path, sensor("depth_camera"))
    assert np.isfinite(images(third, "depth", SECOND // 5)[-1].pixels).all()
    np.testing.assert_array_equal(np.isinf(images(second, "depth")[-1].pixels), before)


@needs_gl
def test_images_come_at_their_rate_with_their_stamp(tmp_path):
    simulator = simulate(tmp_path, sensor("rgbd_camera", rate=20))
    measured = simulator.advance(SECOND)
    for topic in ("camera", "depth"):
        stamps = [m.message.stamp_ns for m in measured if m.topic == topic]
        assert stamps == [SECOND // 20 * (n + 1) for n in range(20)]


@needs_gl
def test_a_moving_body_is_seen_where_it_is(tmp_path):
    ball = painted("ball", sdf_text.sphere(0.4), "2 0 3 0 0 0", "0.1 0.9 0.1").replace(
        "<static>true", "<static>false"
    )
    simulator = simulate(tmp_path, sensor("depth_camera"), content=WALL + ball)
    before = images(simulator, "depth", SECOND // 10)[-1].pixels[30, 40]
    after = images(simulator, "depth", 2 * SECOND)[-1].pixels[30, 40]
    assert before == pytest.approx(3.7, abs=0.02)
    assert after == pytest.approx(2 - 0.4 - 0.3, abs=0.03)


@needs_gl
def test_the_same_seed_gives_the_same_images_and_noise_is_noise(tmp_path):
    noise = "<noise><type>gaussian</type><stddev>0.05</stddev></noise>"

    def image(seed: int, text: str) -> np.ndarray:
        simulator = simulate(tmp_path, sensor("camera", noise=text))
        simulator = Simulator(simulator.world, seed=seed)
        return images(simulator, "camera", SECOND // 10)[-1].pixels.astype(int)

    np.testing.assert_array_equal(image(1, noise), image(1, noise))
    difference = image(1, noise) - image(1, "")
    assert 0.03 * 255 < difference[10:50, 50:78, 0].std() < 0.07 * 255


@needs_gl
def test_lights_of_the_world_shine(tmp_path):
    def brightness(light: str) -> float:
        simulator = simulate(tmp_path, sensor("camera"), content=WALL + light)
        return float(images(simulator, "camera", SECOND // 10)[-1].pixels[20:30, 40:70].mean())

    light = (
        '<light name="l" type="directional"><direction>1 0 0</direction><diffuse>{0} {0} {0} 1'
        "</diffuse></light>"
    )
    assert brightness(light.format(0.9)) > brightness(light.format(0.1)) + 20


@needs_gl
def test_shadows_are_a_matter_of_quality(tmp_path):
    sun = (
        '<light name="sun" type="directional"><cast_shadows>true</cast_shadows>'
        "<direction>0.5 0.3 -1</direction></light>"
    )
    pictures = [
        images(
            simulate(tmp_path, sensor("camera"), content=WALL + POST + sun, camera_quality=quality),
            "camera",
            SECOND // 10,
        )[-1].pixels.astype(int)
        for quality in ("fast", "fine")
    ]
    assert np.abs(pictures[0] - pictures[1]).max() > 30
    with pytest.raises(ParameterError, match="expected fast, fine or off"):
        SimulatorConfig(camera_quality="best")


def test_without_opengl_the_camera_is_off_and_the_rest_runs(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(camera_gl, "BACKENDS", ("mujoco.no_such_backend",))
    camera_gl._problem.cache_clear()
    with pytest.raises(NoOpenGL, match="install libegl1 and libgl1-mesa-dri"):
        open_context(8, 8)
    with caplog.at_level(logging.WARNING):
        simulator = simulate(tmp_path, sensor("camera", name="front"))
    camera_gl._problem.cache_clear()
    topics = {m.topic for m in simulator.advance(SECOND // 5)}
    assert topics == {"scan", "imu", "odom"}
    assert "install libegl1" in simulator.cameras.problem
    assert "cameras are off (cart::base::front): no OpenGL" in caplog.text


def test_mujoco_gl_off_switches_rendering_off():
    code = "from world_sim.camera_gl import opengl_problem; print(opengl_problem())"
    environment = {**os.environ, "MUJOCO_GL": "off"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "switched off by MUJOCO_GL=off"


def test_a_camera_is_off_when_its_quality_is_off(tmp_path):
    simulator = simulate(tmp_path, sensor("camera"), camera_quality="off")
    assert "camera" not in {m.topic for m in simulator.advance(SECOND // 5)}


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ("<sensor name='c' type='camera'/>", "<sensor>: lacks <camera>"),
        (sensor("camera", width=0), "<width>: must be above zero"),
        (sensor("camera", width=1_000_000), r"<image>: 1000000 × 60 pixels; give 1 to"),
        (sensor("camera", far=0.05), r"<clip>: near 0.1 is not below far 0.05; swap"),
    ],
)
def test_a_camera_that_cannot_be_is_refused(tmp_path, wrong, expected):
    with pytest.raises(WorldError, match=expected):
        simulate(tmp_path, wrong)


def test_the_rover_with_a_camera_measures_what_it_carries(tmp_path):
    here = "<spherical_coordinates><latitude_deg>48</latitude_deg><longitude_deg>11</longitude_deg>"
    world = sdf_text.world(here + "<elevation>500</elevation></spherical_coordinates>")
    spawn = RobotSpawn("model://rover_camera", "robot", Pose2D(100.0, 200.0, 0.0))
    config = SimulatorConfig(joint_states=True, camera_quality="off")
    simulator = Simulator(load_world(sdf_text.write(tmp_path, world)), [spawn], config=config)
    measured = simulator.advance(SECOND)
    fixes = [m.message for m in measured if m.topic == "navsat"]
    assert len(fixes) == 5
    # Metres per degree at 48° north, by the ellipsoid's radii of curvature there.
    assert np.mean([f.latitude for f in fixes]) == pytest.approx(48 + 200 / 111_199, abs=2e-5)
    assert np.mean([f.longitude for f in fixes]) == pytest.approx(11 + 100 / 74_628, abs=3e-5)
    assert np.mean([f.altitude for f in fixes]) == pytest.approx(500.2, abs=3)
    joints = [m.message for m in measured if m.topic == "joint_states"]
    assert len(joints) == 50
    assert len(joints[0].names) == 4


@needs_gl
def test_images_become_ros_messages():
    pytest.importorskip("sensor_msgs")
    from world_sim.optional_ros import camera_info_to_ros, image_to_ros

    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    message = image_to_ros(CameraImage(SECOND, pixels, "rgb8", math.pi / 2, "front"))
    assert (message.width, message.height, message.step) == (4, 2, 12)
    assert bytes(message.data) == pixels.tobytes()
    info = camera_info_to_ros(CameraImage(SECOND, pixels, "rgb8", math.pi / 2, "front"))
    assert info.k[0] == pytest.approx(2.0)
    assert list(info.k[2::3]) == [2.0, 1.0, 1.0]


def test_a_wandering_bias_spreads_as_far_as_its_process_says():
    stddev, time_s, period_s = 0.5, 2.0, 0.1
    walk = Wandering((Noise(), Noise(drift_stddev=stddev, drift_time_s=time_s)), period_s)
    rng = np.random.default_rng(0)
    samples = np.concatenate([walk.block(rng) for _ in range(100)])
    assert not samples[:, 0].any()
    # A Gauss-Markov process driven by `stddev` settles at stddev · √(time / 2).
    assert samples[:, 1].std() == pytest.approx(stddev * math.sqrt(time_s / 2), rel=0.1)
    lag = round(time_s / period_s)
    correlation = np.corrcoef(samples[:-lag, 1], samples[lag:, 1])[0, 1]
    assert correlation == pytest.approx(math.exp(-1), abs=0.1)
    assert not Wandering((Noise(stddev=1.0),), period_s)


def test_quantised_noise_reports_multiples_of_its_precision():
    noise = Noise(stddev=0.01, precision=0.25)
    unit = InertialUnit(ImuSpec((noise,) * 3, (noise,) * 3), np.random.default_rng(1))
    imu, error = unit.measure(0, np.array([0.1, 0.3, 0.6]), np.array([0.0, 0.0, 9.8]))
    assert imu.angular_velocity == (0.0, 0.25, 0.5)
    assert imu.linear_acceleration[2] == 9.75
    assert error == pytest.approx(-0.1)
