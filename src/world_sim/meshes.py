"""Triangles of mesh files: OBJ and STL read by MuJoCo, COLLADA (DAE) by trimesh."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull, QhullError

from world_sim.errors import WorldError
from world_sim.sdf.element import Element, parse_xml, read_bytes
from world_sim.sdf.types import Mesh

MAX_MESH_BYTES = 64 * 1024 * 1024
MAX_PARTS = 500
# A flat part gets this thickness (m), so that it has a convex hull.
THICKNESS = 1e-3


def mesh_triangles(mesh: Mesh) -> NDArray[np.float64]:
    """(T, 3, 3) float64, metres: the surface of a mesh, scaled.

    Raises:
        WorldError: the file cannot be read as a mesh; names the element that asks for it.
    """
    try:
        triangles = load_triangles(mesh.path)
    except WorldError as error:
        raise WorldError(
            mesh.location,
            f"<uri>: {Path(mesh.path).name} is not usable as a mesh: {error.problem}",
            "export it again as OBJ, STL or DAE",
        ) from error
    scaled: NDArray[np.float64] = triangles * np.array(mesh.scale)
    return scaled


@lru_cache(maxsize=64)
def load_triangles(path: str) -> NDArray[np.float64]:
    """(T, 3, 3) float64: the triangles of a mesh file, in its frame and units (DAE: metres).

    Raises:
        WorldError: the file cannot be read as a mesh.
    """
    data = read_bytes(Path(path), MAX_MESH_BYTES)
    triangles = _collada(data, path) if path.lower().endswith(".dae") else _by_mujoco(path)
    if not len(triangles):
        raise WorldError(path, "holds no triangles")
    if not np.isfinite(triangles).all() or np.abs(triangles).max() > 1e9:
        raise WorldError(path, "holds coordinates that are not finite")
    return triangles


def _by_mujoco(path: str) -> NDArray[np.float64]:
    spec = mujoco.MjSpec()
    mesh = spec.add_mesh(name="mesh", file=path)
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="mesh")
    try:
        model = spec.compile()
    except ValueError as error:
        raise WorldError(path, str(error).splitlines()[0]) from error
    # MuJoCo re-centres meshes on their principal axes: undo it.
    rotation = np.empty(9)
    mujoco.mju_quat2Mat(rotation, model.mesh_quat[0])
    vertices = model.mesh_vert @ rotation.reshape(3, 3).T + model.mesh_pos[0]
    triangles: NDArray[np.float64] = vertices[model.mesh_face].astype(np.float64)
    return triangles


def _collada(data: bytes, path: str) -> NDArray[np.float64]:
    # The library reads XML with entities: those are refused first, as in a world.
    root = parse_xml(data, path)
    import trimesh

    try:
        scene = trimesh.load_scene(io.BytesIO(data), file_type="dae")
        mesh = scene.to_mesh()
    except Exception as error:  # of many kinds, from two libraries
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise WorldError(path, f"not COLLADA: {first}") from error
    triangles: NDArray[np.float64] = np.asarray(mesh.triangles, dtype=np.float64)
    return triangles * _metres(root, path)


def _metres(root: Element, path: str) -> float:
    """Metres of one unit of a COLLADA file."""
    unit = root.find_path("asset", "unit")
    text = "1" if unit is None else unit.attributes.get("meter", "1")
    try:
        metres = float(text)
    except ValueError:
        raise WorldError(path, f"a unit of '{text}' metres") from None
    if not 0.0 < metres < 1e6:
        raise WorldError(path, f"a unit of {metres:g} metres")
    return metres


def convex_parts(mesh: Mesh, separate: bool) -> list[NDArray[np.float64]]:
    """The convex hulls that stand for a mesh where it is touched.

    Args:
        mesh: to be touched.
        separate: a hull for each connected part instead of one for all.

    Returns:
        Vertices (V, 3) of each hull, metres.

    Raises:
        WorldError: the mesh cannot be read, or has too many parts.
    """
    triangles = mesh_triangles(mesh)
    if not separate:
        return [_hull(triangles.reshape(-1, 3))]
    corners, index = np.unique(np.round(triangles.reshape(-1, 3), 6), axis=0, return_inverse=True)
    faces = index.reshape(-1, 3)
    rows, columns = faces[:, [0, 1]].T.ravel(), faces[:, [1, 2]].T.ravel()
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(corners), len(corners)))
    count, labels = connected_components(graph, directed=False)
    if count > MAX_PARTS:
        raise WorldError(
            mesh.location,
            f"<uri>: a mesh of {count} separate parts cannot be touched",
            f"use a simpler mesh for the collision, of at most {MAX_PARTS}",
        )
    return [_hull(corners[labels == part]) for part in range(count)]


def _hull(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners of the convex hull of points; a flat set is given a thickness."""
    try:
        hull: NDArray[np.float64] = points[ConvexHull(points).vertices]
    except QhullError:
        centre = points.mean(axis=0)
        _, spread, axes = np.linalg.svd(points - centre, full_matrices=True)
        thin = axes[np.flatnonzero(np.resize(spread, 3) < THICKNESS)]
        if len(spread) < 3 or not len(thin):
            thin = axes
        offsets = [sign * THICKNESS / 2 * axis for axis in thin for sign in (-1.0, 1.0)]
        hull = np.concatenate([points + offset for offset in offsets])
    return hull
