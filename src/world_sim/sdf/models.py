"""Reading of models: links, joints, frames, nested and included models, flattened into one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from world_sim.sdf.element import Element, read_xml
from world_sim.sdf.frames import FrameGraph, inside
from world_sim.sdf.joints import Bodies, check_joints, link_name, read_joint
from world_sim.sdf.pose import IDENTITY, Pose3
from world_sim.sdf.resources import model_file, resolve_uri
from world_sim.sdf.sensors import read_sensor
from world_sim.sdf.shapes import read_collision, read_geometry, read_inertial, read_visual
from world_sim.sdf.types import Collision, Frame, Joint, Link, Model, Plugin, Visual
from world_sim.sdf.values import attribute, flag, text_of

MODEL_FRAME = "__model__"
MAX_INCLUDE_DEPTH = 16
# Files that include others several times multiply; no world of ours has a tenth of this.
MAX_INCLUDED = 20_000


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a reader is: the file it reads, where URIs are searched, what includes it.

    documents: every included file read so far, by path; shared by all scopes of one world.
    included: number of includes followed so far, in a list of one; shared likewise.
    """

    file: Path
    search_path: tuple[Path, ...]
    including: tuple[Path, ...] = ()
    documents: dict[Path, Element] = field(default_factory=dict)
    included: list[int] = field(default_factory=lambda: [0])


def include_model(element: Element, scope: Scope) -> tuple[Element, Scope]:
    """Load what an <include> names: its <model> element and the scope to read it in.

    Raises:
        WorldError: the URI leads nowhere, the file holds no model, or it includes itself.
    """
    uri = text_of(element, "uri")
    if not uri:
        raise element.error("lacks <uri>")
    target = resolve_uri(uri, scope.file.parent, scope.search_path, element)
    file = model_file(target, element).resolve()
    if file in scope.including:
        raise element.error(f"'{uri}' includes itself", "break the cycle of includes")
    if len(scope.including) >= MAX_INCLUDE_DEPTH:
        raise element.error(f"includes nest deeper than {MAX_INCLUDE_DEPTH}")
    scope.included[0] += 1
    if scope.included[0] > MAX_INCLUDED:
        raise element.error(
            f"more than {MAX_INCLUDED} included models", "include fewer models in each other"
        )
    if file not in scope.documents:
        scope.documents[file] = read_xml(file)
    model = scope.documents[file].find("model")
    if model is None:
        raise element.error(f"{file} holds no <model>")
    return model, replace(scope, file=file, including=(*scope.including, file))


def child_models(element: Element, scope: Scope) -> Iterator[tuple[Element, Model]]:
    """Each <model> and <include> below `element`, read; its pose is left to the caller."""
    for child in element:
        if child.name == "model":
            yield child, read_model(child, scope)
        elif child.name == "include":
            source, inner = include_model(child, scope)
            model = read_model(source, inner)
            pose = source.find("pose")
            placement = text_of(child, "placement_frame")
            if child.find("pose") is None and pose is not None:
                child.children.append(pose)
            yield (
                child,
                replace(
                    model,
                    name=text_of(child, "name", model.name),
                    static=flag(child, "static", model.static),
                    plugins=(*model.plugins, *_read_plugins(child)),
                    placed_by=_frame_of(model, placement, child) if placement else model.placed_by,
                ),
            )


def _frame_of(model: Model, name: str, element: Element) -> Pose3:
    """The pose of a frame of `model`, named where it is placed.

    Raises:
        WorldError: it has no such frame.
    """
    frames = {frame.name: frame.pose for frame in model.frames}
    if name not in frames:
        known = ", ".join(sorted(frames)[:12]) or "none"
        raise element.error(f"'{model.name}' has no frame '{name}'", f"has: {known}")
    return frames[name]


def read_model(element: Element, scope: Scope) -> Model:
    """Read a <model>; its `pose` is the identity until its parent places it."""
    name = attribute(element, "name")
    nested = list(child_models(element, scope))
    frames = _model_frames(element, nested)
    links: list[Link] = []
    self_collide = flag(element, "self_collide")
    for child in element.find_all("link"):
        pose = frames.resolve(attribute(child, "name"), child.location)
        links.append(_read_link(child, pose, frames, scope, self_collide))
    bodies = Bodies(element, nested)
    joints = [read_joint(child, frames, bodies) for child in element.find_all("joint")]
    plugins = list(_read_plugins(element))
    for child, model in nested:
        pose = frames.resolve(model.name, child.location)
        links += [
            replace(link, name=inside(child, model, link.name), pose=pose.compose(link.pose))
            for link in model.links
        ]
        joints += [_prefixed(joint, child, model) for joint in model.joints]
        plugins += model.plugins
    check_joints(joints, links)
    result = Model(
        name=name,
        pose=IDENTITY,
        static=flag(element, "static"),
        location=element.location,
        links=tuple(links),
        joints=tuple(joints),
        plugins=tuple(plugins),
        frames=tuple(
            Frame(frame, pose, bodies.link_of(frame) or "")
            for frame, pose in frames.resolve_all(element.location)
        ),
    )
    placement = element.attributes.get("placement_frame", "").strip()
    return replace(result, placed_by=_frame_of(result, placement, element)) if placement else result


def _prefixed(joint: Joint, child: Element, model: Model) -> Joint:
    """A joint of the nested `model` as one of the outer model."""
    follows = joint.mimic
    return replace(
        joint,
        name=inside(child, model, joint.name),
        parent=joint.parent if joint.parent == "world" else inside(child, model, joint.parent),
        child=inside(child, model, joint.child),
        mimic=follows and replace(follows, joint=inside(child, model, follows.joint)),
    )


def _model_frames(element: Element, nested: list[tuple[Element, Model]]) -> FrameGraph:
    frames = FrameGraph(MODEL_FRAME)
    for child in element:
        if child.name == "link":
            frames.add_element(attribute(child, "name"), child, MODEL_FRAME)
        elif child.name == "frame":
            attached = child.attributes.get("attached_to") or MODEL_FRAME
            frames.add_element(attribute(child, "name"), child, attached)
        elif child.name == "joint":
            frames.add_element(attribute(child, "name"), child, link_name(child, "child"))
    for child, model in nested:
        frames.add_model(child, model, MODEL_FRAME)
    return frames


def _read_link(
    element: Element, pose: Pose3, frames: FrameGraph, scope: Scope, self_collide: bool
) -> Link:
    name = attribute(element, "name")
    collisions: list[Collision] = []
    visuals: list[Visual] = []
    for child in element:
        if child.name not in ("collision", "visual"):
            continue
        shape = child.find("geometry")
        if shape is None:
            raise child.error("lacks <geometry>")
        geometry = read_geometry(shape, scope.file, scope.search_path)
        if geometry is None:
            continue
        place = frames.pose_in(name, child)
        if child.name == "collision":
            collisions.append(read_collision(child, place, geometry))
        else:
            visuals.append(read_visual(child, place, geometry))
    inertial = element.find("inertial")
    sensors = [read_sensor(s, frames.pose_in(name, s)) for s in element.find_all("sensor")]
    seen: set[str] = set()
    for sensor, child in zip(sensors, element.find_all("sensor"), strict=True):
        if sensor.name in seen:
            raise child.error(f"a second sensor named '{sensor.name}'", "rename one of them")
        seen.add(sensor.name)
    return Link(
        name=name,
        pose=pose,
        location=element.location,
        inertial=read_inertial(inertial, frames.pose_in(name, inertial) if inertial else IDENTITY),
        collisions=tuple(collisions),
        visuals=tuple(visuals),
        sensors=tuple(sensors),
        gravity=flag(element, "gravity", True),
        self_collide=flag(element, "self_collide", self_collide),
    )


def _read_plugins(element: Element) -> Iterator[Plugin]:
    for child in element.find_all("plugin"):
        yield Plugin(
            filename=child.attributes.get("filename", ""),
            name=child.attributes.get("name", ""),
            element=child,
            location=child.location,
        )
