"""Triangles of mesh files, read through MuJoCo."""

from __future__ import annotations

from functools import lru_cache

import mujoco
import numpy as np
from numpy.typing import NDArray

from world_sim.errors import WorldError


@lru_cache(maxsize=64)
def load_triangles(path: str) -> NDArray[np.float64]:
    """(T, 3, 3) float64: the triangles of an OBJ or STL file, in the file's frame and units.

    Raises:
        WorldError: the file cannot be read as a mesh.
    """
    spec = mujoco.MjSpec()
    mesh = spec.add_mesh(name="mesh", file=path)
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="mesh")
    try:
        model = spec.compile()
    except ValueError as error:
        raise WorldError(path, f"not usable as a mesh: {str(error).splitlines()[0]}") from error
    # MuJoCo re-centres meshes on their principal axes: undo it.
    rotation = np.empty(9)
    mujoco.mju_quat2Mat(rotation, model.mesh_quat[0])
    vertices = model.mesh_vert @ rotation.reshape(3, 3).T + model.mesh_pos[0]
    triangles: NDArray[np.float64] = vertices[model.mesh_face].astype(np.float64)
    return triangles
