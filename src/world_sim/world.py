"""A world file, read and resolved: what the simulator plays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from world_sim.errors import Location, WorldError
from world_sim.sdf.actors import read_actor
from world_sim.sdf.coverage import refuse, review
from world_sim.sdf.element import Element, read_xml
from world_sim.sdf.frames import FrameGraph
from world_sim.sdf.models import Scope, child_models, include_model, read_model
from world_sim.sdf.resources import search_path
from world_sim.sdf.scene import read_color, read_lights, read_origin
from world_sim.sdf.types import STANDARD_GRAVITY, Model, World
from world_sim.sdf.values import attribute, positive, vector

__all__ = ["World", "WorldError", "load_model", "load_world"]

OLDEST_VERSION, NEWEST_VERSION = (1, 4), (1, 12)
WORLD_FRAME = "world"


def load_world(
    path: Path | str,
    resource_path: Sequence[Path] = (),
    allow_unsupported: bool = False,
    allow: Collection[str] = (),
) -> World:
    """Read an SDF world file and everything it includes.

    Args:
        path: a `.sdf` or `.world` file holding one <world>.
        resource_path: directories searched for `model://` before those of the environment
            (GZ_SIM_RESOURCE_PATH) and the package's own models.
        allow_unsupported: play what can be played of a world that asks for physics which is not.
        allow: elements that may be left out, as `world/joint`, where not all of them may be.

    Raises:
        WorldError: the file, or one that it includes, cannot be played; the message names file,
            line, element and remedy.
    """
    file = Path(path)
    root = read_xml(file)
    _check_version(root)
    element = root.find("world")
    if element is None:
        raise root.error("holds no <world>", "give a world file, not a model")
    path_searched = search_path(resource_path)
    scope = Scope(file.resolve(), path_searched, (file.resolve(),))
    models, frames = _place_models(element, scope)
    notes = review((root, *scope.documents.values()))
    if not allow_unsupported:
        refuse(notes, allow)
    physics, scene = element.find("physics"), element.find("scene")
    return World(
        name=attribute(element, "name"),
        file=str(file),
        models=models,
        gravity=vector(element, "gravity", STANDARD_GRAVITY),
        step_s=positive(physics, "max_step_size", 0.001) if physics else 0.001,
        notes=notes,
        lights=read_lights(element, frames, WORLD_FRAME),
        ambient=read_color(scene, "ambient", (0.4, 0.4, 0.4)),
        background=read_color(scene, "background", (0.7, 0.7, 0.7)),
        origin=read_origin(element),
        resource_path=tuple(str(entry) for entry in path_searched),
    )


def load_model(uri: str, resource_path: Sequence[Path] = ()) -> Model:
    """Read one model by `model://` URI or path, at the origin.

    Raises:
        WorldError: as `load_world`.
    """
    include = Element("include", {}, Location(uri))
    include.children.append(Element("uri", {}, include.location, uri))
    scope = Scope(Path.cwd() / "command line", search_path(resource_path))
    element, inner = include_model(include, scope)
    model = read_model(element, inner)
    refuse(review(scope.documents.values()))
    frames = FrameGraph(WORLD_FRAME)
    frames.add_element(model.name, element, WORLD_FRAME)
    return replace(model, pose=frames.resolve(model.name, element.location))


def _check_version(root: Element) -> None:
    if root.name != "sdf":
        raise root.error("is not an SDF file", "the root element is <sdf version='1.9'>")
    text = attribute(root, "version")
    try:
        version = tuple(int(part) for part in text.split(".")[:2])
    except ValueError:
        raise root.error(f"version '{text}' is not a version") from None
    if not OLDEST_VERSION <= version <= NEWEST_VERSION:
        oldest, newest = (".".join(map(str, v)) for v in (OLDEST_VERSION, NEWEST_VERSION))
        raise root.error(f"SDF {text} is not played", f"use {oldest} to {newest}")


def _place_models(element: Element, scope: Scope) -> tuple[tuple[Model, ...], FrameGraph]:
    """Read the models of a world and resolve their poses among its frames."""
    frames = FrameGraph(WORLD_FRAME)
    for child in element.find_all("frame"):
        attached = child.attributes.get("attached_to") or WORLD_FRAME
        frames.add_element(attribute(child, "name"), child, attached)
    placed = list(child_models(element, scope))
    placed += [(child, read_actor(child, scope)) for child in element.find_all("actor")]
    for child, model in placed:
        frames.add_model(child, model, WORLD_FRAME)
    models = tuple(
        replace(model, pose=frames.resolve(model.name, child.location)) for child, model in placed
    )
    return models, frames
