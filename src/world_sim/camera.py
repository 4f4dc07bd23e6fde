"""Cameras: colour and depth images of a world, rendered off-screen by MuJoCo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from world_sim.camera_gl import Canvas
from world_sim.camera_scene import CameraScene
from world_sim.measurement import CameraImage
from world_sim.sdf.types import CameraSpec, Model, Sensor, World

# Effects that a robot's perception can do without, and which cost the most.
EFFECTS = ("SHADOW", "REFLECTION", "FOG", "HAZE", "SKYBOX", "ADDITIVE")
FINE = ("SHADOW",)


@dataclass(frozen=True, slots=True)
class Picture:
    """What a camera sees: color (H, W, 3) uint8, depth (H, W) float32 metres, inf where nothing."""

    color: NDArray[np.uint8]
    depth: NDArray[np.float32]


class CameraRenderer:
    """Renders the cameras of one simulation.

    OpenGL is opened with the first picture, in the thread that asks for it, and stays with it.

    Args:
        world: its lights and colours.
        models: everything that is seen.
        cameras: name (of its site in the physics) and sensor of every camera.
        fine: with shadows and smoothed edges, at several times the cost.
    """

    def __init__(
        self,
        world: World,
        models: Sequence[Model],
        cameras: Sequence[tuple[str, Sensor]],
        fine: bool = False,
    ) -> None:
        self._scene = CameraScene(world, models, cameras)
        self._specs = {
            name: sensor.spec for name, sensor in cameras if isinstance(sensor.spec, CameraSpec)
        }
        self._background = np.round(np.array(world.background) * 255).astype(np.uint8)
        self._fine = fine
        self._ids: NDArray[np.intp] | None = None
        self._canvas: Canvas | None = None
        self._last: tuple[int, str, Picture] | None = None

    def picture(
        self, name: str, stamp_ns: int, model: mujoco.MjModel, data: mujoco.MjData
    ) -> Picture:
        """What the camera `name` sees now.

        Args:
            name: of the camera.
            stamp_ns: now; one picture is rendered for both images of one camera.
            model: of the physics.
            data: of the physics, with current kinematics.

        Raises:
            NoOpenGL: nothing can be rendered.
        """
        if self._last is None or self._last[:2] != (stamp_ns, name):
            self._last = (stamp_ns, name, self._render(name, model, data))
        return self._last[2]

    def _open(self) -> Canvas:
        width = max(spec.width for spec in self._specs.values())
        height = max(spec.height for spec in self._specs.values())
        scene = self._scene.model
        scene.vis.global_.offwidth, scene.vis.global_.offheight = width, height
        if self._fine:
            scene.vis.quality.offsamples = 4
            scene.vis.quality.shadowsize = 2048
            scene.light_castshadow[:] = True
        canvas = Canvas(scene)
        self._visible = mujoco.MjvScene(scene, maxgeom=scene.ngeom + 8)
        for effect in EFFECTS:
            on = self._fine and effect in FINE
            self._visible.flags[getattr(mujoco.mjtRndFlag, f"mjRND_{effect}")] = on
        self._visible.flags[mujoco.mjtRndFlag.mjRND_CULL_FACE] = False
        self._option = mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        return canvas

    def _render(self, name: str, model: mujoco.MjModel, data: mujoco.MjData) -> Picture:
        if self._canvas is None:
            self._canvas = self._open()
        context = self._canvas.begin()
        scene, spec = self._scene, self._specs[name]
        self._follow(model, data)
        scene.model.vis.map.znear, scene.model.vis.map.zfar = spec.near, spec.far
        self._camera.fixedcamid = int(scene.model.camera(name).id)
        mujoco.mjv_updateScene(
            scene.model,
            scene.data,
            self._option,
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._visible,
        )
        view = mujoco.MjrRect(0, 0, spec.width, spec.height)
        color = np.empty((spec.height, spec.width, 3), dtype=np.uint8)
        buffer = np.empty((spec.height, spec.width), dtype=np.float32)
        buffer[0, 0] = np.nan
        mujoco.mjr_render(view, self._visible, context)
        mujoco.mjr_readPixels(color, buffer, view, context)
        if np.isnan(buffer[0, 0]):
            raise RuntimeError(f"camera {name}: OpenGL gave no picture; its buffers are lost")
        color, buffer = color[::-1].copy(), buffer[::-1]
        color[buffer <= 0.0] = self._background
        return Picture(color, _metres(buffer, spec.near, spec.far))

    def _follow(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Put what moves where the physics has it."""
        scene = self._scene
        if self._ids is None:
            self._ids = np.array([model.body(name).id for name, _ in scene.moving], dtype=np.intp)
            self._mocap = np.array([index for _, index in scene.moving], dtype=np.intp)
        scene.data.mocap_pos[self._mocap] = data.xpos[self._ids]
        scene.data.mocap_quat[self._mocap] = data.xquat[self._ids]
        mujoco.mj_kinematics(scene.model, scene.data)
        mujoco.mj_camlight(scene.model, scene.data)


def _metres(buffer: NDArray[np.float32], near: float, far: float) -> NDArray[np.float32]:
    """Distances along the optical axis of a depth buffer whose far plane is 0 and near plane 1."""
    inverse = buffer.astype(np.float64) * (1.0 / near - 1.0 / far) + 1.0 / far
    depth = (1.0 / inverse).astype(np.float32)
    depth[buffer <= 0.0] = np.inf
    return depth


def color_image(
    picture: Picture, sensor: Sensor, stamp_ns: int, rng: np.random.Generator
) -> CameraImage:
    """The colour image of a camera (rgb8), with its noise."""
    spec, color = _spec(sensor), picture.color
    if spec.noise.stddev > 0.0 or spec.noise.bias_mean != 0.0:
        error = rng.standard_normal(color.shape, dtype=np.float32) * spec.noise.stddev
        noisy = color + (error + spec.noise.bias_mean) * 255.0
        color = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    return CameraImage(stamp_ns, color, "rgb8", spec.horizontal_fov, sensor.name)


def depth_image(
    picture: Picture, sensor: Sensor, stamp_ns: int, rng: np.random.Generator
) -> CameraImage:
    """The depth image of a camera (32FC1, metres, +inf where nothing is), with its noise."""
    spec, depth = _spec(sensor), picture.depth
    if spec.noise.stddev > 0.0 or spec.noise.bias_mean != 0.0:
        error = rng.standard_normal(depth.shape, dtype=np.float32) * spec.noise.stddev
        depth = (depth + error + np.float32(spec.noise.bias_mean)).astype(np.float32)
    return CameraImage(stamp_ns, depth, "32FC1", spec.horizontal_fov, sensor.name)


def _spec(sensor: Sensor) -> CameraSpec:
    assert isinstance(sensor.spec, CameraSpec)
    return sensor.spec
