"""What cameras see: the visuals and lights of a world as a MuJoCo model of their own.

The physics knows collisions only, and of static ones those that are near. Here every visual is a
geom that touches nothing; what moves in the physics is a mocap body that is put where it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import mujoco
import numpy as np

from world_sim.geoms import Shape, from_z, primitive_shape
from world_sim.meshes import mesh_triangles
from world_sim.sdf.pose import Pose3, Quaternion
from world_sim.sdf.surfaces import heightmap_triangles, polyline_triangles
from world_sim.sdf.types import (
    CameraSpec,
    Geometry,
    Heightmap,
    Light,
    Mesh,
    Model,
    Plane,
    Polyline,
    Sensor,
    World,
)

# MuJoCo's cameras look along -z with y up; those of SDF along x with z up.
TO_MUJOCO = Quaternion(0.5, 0.5, -0.5, -0.5)
LIGHTS = {
    "directional": mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
    "point": mujoco.mjtLightType.mjLIGHT_POINT,
    "spot": mujoco.mjtLightType.mjLIGHT_SPOT,
}
MAX_LIGHTS = 8
# Corners around and along curved shapes.
FACETS = (20, 10)


class CameraScene:
    """The visible world.

    model, data: of MuJoCo, for rendering only. moving: (name, mocap index) of the bodies whose
    poses come from the physics, by the names that they have there.
    """

    def __init__(
        self, world: World, models: Sequence[Model], cameras: Sequence[tuple[str, Sensor]]
    ) -> None:
        self._spec = mujoco.MjSpec()
        self._spec.compiler.degree = False
        self._meshes: dict[Geometry, str] = {}
        visual = self._spec.visual
        visual.quality.numslices, visual.quality.numstacks = FACETS
        visual.quality.offsamples = 0
        visual.quality.shadowsize = 1024 if any(light.shadows for light in world.lights) else 0
        visual.headlight.ambient = world.ambient
        visual.headlight.diffuse = [0.0 if world.lights else 0.5] * 3
        visual.headlight.specular = [0.0] * 3
        for light in world.lights[:MAX_LIGHTS]:
            self._add_light(light)
        names = [self._add_model(model, cameras) for model in models]
        self.model = self._spec.compile()
        # So that clipping distances are metres.
        self.model.stat.extent = 1.0
        self.data = mujoco.MjData(self.model)
        self.moving = [
            (name, int(self.model.body(name).mocapid[0])) for group in names for name in group
        ]
        mujoco.mj_forward(self.model, self.data)

    def _add_model(self, model: Model, cameras: Sequence[tuple[str, Sensor]]) -> list[str]:
        """Add a model's visuals and cameras; the names of its bodies that move."""
        moving = []
        for link in model.links:
            name = f"{model.name}::{link.name}"
            place = model.pose.compose(link.pose)
            body = self._spec.worldbody.add_body(
                name=name,
                pos=place.position,
                quat=place.orientation,
                mocap=not model.static,
            )
            if not model.static:
                moving.append(name)
            for visual in link.visuals:
                self._add_geom(body, visual.geometry, visual.pose, visual.color)
            for camera, sensor in cameras:
                if camera.rpartition("::")[0] == name and isinstance(sensor.spec, CameraSpec):
                    self._add_camera(body, camera, sensor, sensor.spec)
        return moving

    def _add_camera(
        self, body: mujoco.MjsBody, name: str, sensor: Sensor, spec: CameraSpec
    ) -> None:
        ratio = spec.height / spec.width
        body.add_camera(
            name=name,
            pos=sensor.pose.position,
            quat=sensor.pose.orientation.multiply(TO_MUJOCO),
            fovy=math.degrees(2.0 * math.atan(math.tan(spec.horizontal_fov / 2.0) * ratio)),
        )

    def _add_light(self, light: Light) -> None:
        direction = light.pose.orientation.rotate(light.direction)
        self._spec.worldbody.add_light(
            type=LIGHTS[light.kind],
            pos=light.pose.position,
            dir=direction,
            diffuse=light.diffuse,
            ambient=[0.0] * 3,
            specular=[0.0] * 3,
            range=light.reach,
            cutoff=math.degrees(light.spread) / 2.0,
            castshadow=light.shadows,
        )

    def _add_geom(
        self,
        body: mujoco.MjsBody,
        geometry: Geometry,
        pose: Pose3,
        color: tuple[float, float, float, float],
    ) -> None:
        if isinstance(geometry, Plane):
            pose = pose.compose(Pose3(orientation=from_z(geometry.normal)))
        kind, size, extra = self._shape(geometry)
        body.add_geom(
            type=kind,
            size=size,
            pos=pose.position,
            quat=pose.orientation,
            rgba=color,
            contype=0,
            conaffinity=0,
            **extra,
        )

    def _shape(self, geometry: Geometry) -> Shape:
        if isinstance(geometry, Plane):
            x, y = geometry.size
            return mujoco.mjtGeom.mjGEOM_PLANE, [x / 2, y / 2, 1.0], {}
        primitive = primitive_shape(geometry)
        if primitive is not None:
            return primitive
        if geometry not in self._meshes:
            match geometry:
                case Mesh():
                    triangles = mesh_triangles(geometry)
                case Polyline():
                    triangles = polyline_triangles(geometry)
                case Heightmap():
                    triangles = heightmap_triangles(geometry)
            name = f"mesh{len(self._meshes)}"
            corners, index = np.unique(
                np.round(triangles.reshape(-1, 3), 6), axis=0, return_inverse=True
            )
            mesh = self._spec.add_mesh(
                name=name, uservert=corners.ravel(), userface=index.astype(np.int32).ravel()
            )
            mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
            self._meshes[geometry] = name
        return mujoco.mjtGeom.mjGEOM_MESH, [0.0] * 3, {"meshname": self._meshes[geometry]}
