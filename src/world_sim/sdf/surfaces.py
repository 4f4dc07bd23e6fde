"""Reading of <polyline> and <heightmap>, and their triangles."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from world_sim.errors import WorldError
from world_sim.sdf.element import Element, read_bytes
from world_sim.sdf.pose import Vector3
from world_sim.sdf.resources import resolve_uri
from world_sim.sdf.types import Heightmap, Polyline
from world_sim.sdf.values import numbers, positive, vector

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".pgm")
MAX_IMAGE_BYTES = 32 * 1024 * 1024
MAX_SAMPLES = 2049
MAX_POINTS = 10_000


def read_polylines(elements: list[Element]) -> Polyline:
    """Read the <polyline>s of one geometry: the first is the outline, those inside are holes.

    Raises:
        WorldError: one has fewer than three corners or no area.
    """
    outlines = []
    for element in elements:
        points = [numbers(point, 2) for point in element.find_all("point")]
        if len(points) > 1 and points[0] == points[-1]:
            points.pop()
        if not 3 <= len(points) <= MAX_POINTS:
            raise element.error(f"has {len(points)} corners", f"give 3 to {MAX_POINTS} <point>s")
        outlines.append(tuple((point[0], point[1]) for point in points))
    polyline = Polyline(tuple(outlines), positive(elements[0], "height", 1.0))
    if not len(polyline_caps(polyline)):
        raise elements[0].error("encloses no area", "give <point>s that go round a surface")
    return polyline


@lru_cache(maxsize=64)
def polyline_caps(polyline: Polyline) -> NDArray[np.float64]:
    """(T, 3, 2) float64, metres: the area that the outlines enclose, as triangles."""
    import mapbox_earcut

    corners = np.array([point for outline in polyline.outlines for point in outline])
    ends = np.cumsum([len(outline) for outline in polyline.outlines]).astype(np.uint32)
    index = mapbox_earcut.triangulate_float64(corners, ends).reshape(-1, 3)
    triangles: NDArray[np.float64] = corners[index]
    first, second = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    area = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    return triangles[area > 1e-12]


def polyline_triangles(polyline: Polyline) -> NDArray[np.float64]:
    """(T, 3, 3) float64, metres: the surface of the prism, which stands on z = 0."""
    caps = polyline_caps(polyline)
    flat = np.zeros((*caps.shape[:2], 3))
    flat[:, :, :2] = caps
    lid = flat + np.array([0.0, 0.0, polyline.height])
    walls = []
    for outline in polyline.outlines:
        low = np.column_stack([np.array(outline), np.zeros(len(outline))])
        high = low + np.array([0.0, 0.0, polyline.height])
        after_low, after_high = np.roll(low, -1, axis=0), np.roll(high, -1, axis=0)
        walls += [np.stack([low, after_low, after_high], 1), np.stack([low, after_high, high], 1)]
    return np.concatenate([flat, lid, *walls])


def polyline_prisms(polyline: Polyline) -> list[NDArray[np.float64]]:
    """Corners (6, 3), metres, of the convex prisms that together are the polyline's."""
    return [
        np.concatenate([np.column_stack([cap, np.full(3, z)]) for z in (0.0, polyline.height)])
        for cap in polyline_caps(polyline)
    ]


def read_heightmap(element: Element, file: Path, path: tuple[Path, ...]) -> Heightmap:
    """Read a <heightmap> from an image.

    Raises:
        WorldError: its image is not found or of no kind that is read.
    """
    uri = element.find("uri")
    if uri is None or not uri.text:
        raise element.error("lacks <uri>", "name an image of heights")
    target = resolve_uri(uri.text, file.parent, path, uri)
    if target.suffix.lower() not in IMAGE_SUFFIXES:
        raise uri.error(
            f"heights in '{target.suffix}' are not played", f"use {', '.join(IMAGE_SUFFIXES)}"
        )
    size = vector(element, "size", Vector3(1, 1, 1))
    if min(size) <= 0:
        raise element.error("<size> must be above zero", "give three lengths")
    return Heightmap(str(target.resolve()), size, vector(element, "pos", Vector3()), uri.location)


@lru_cache(maxsize=4)
def heights_of(heightmap: Heightmap) -> NDArray[np.float64]:
    """(R, C) float64, metres above the map's position: rows from -y to +y, columns along x.

    Raises:
        WorldError: the file is no image, or smaller or larger than a map can be.
    """
    import cv2

    data = read_bytes(Path(heightmap.path), MAX_IMAGE_BYTES)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYDEPTH) if data else None
    name = Path(heightmap.path).name
    if image is None:
        raise WorldError(
            heightmap.location, f"<uri>: {name} is not readable as an image", "save it as PNG"
        )
    if min(image.shape) < 2 or max(image.shape) > MAX_SAMPLES:
        raise WorldError(
            heightmap.location,
            f"<uri>: {name} has {image.shape[1]} × {image.shape[0]} pixels",
            f"use 2 to {MAX_SAMPLES} along each side",
        )
    whole = float(np.iinfo(image.dtype).max) if image.dtype.kind == "u" else 1.0
    heights: NDArray[np.float64] = image[::-1].astype(np.float64) / whole * heightmap.size.z
    return heights


def heightmap_triangles(heightmap: Heightmap) -> NDArray[np.float64]:
    """(T, 3, 3) float64, metres: the surface of a heightmap in its collision's frame."""
    heights = heights_of(heightmap)
    rows, columns = heights.shape
    x = np.linspace(-0.5, 0.5, columns) * heightmap.size.x + heightmap.position.x
    y = np.linspace(-0.5, 0.5, rows) * heightmap.size.y + heightmap.position.y
    points = np.stack([*np.meshgrid(x, y), heights + heightmap.position.z], axis=-1)
    a, b, c, d = points[:-1, :-1], points[:-1, 1:], points[1:, 1:], points[1:, :-1]
    return np.concatenate(
        [
            np.stack([a, b, c], axis=2).reshape(-1, 3, 3),
            np.stack([a, c, d], axis=2).reshape(-1, 3, 3),
        ]
    )
