"""Reading of models: links, joints, frames, nested and included models, flattened into one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from world_sim.sdf.element import Element, read_xml
from world_sim.sdf.frames import FrameGraph
from world_sim.sdf.pose import IDENTITY, Pose3, Vector3
from world_sim.sdf.resources import model_file, resolve_uri
from world_sim.sdf.sensors import read_sensor
from world_sim.sdf.shapes import read_collision, read_geometry, read_inertial, read_visual
from world_sim.sdf.types import Collision, Joint, Link, Model, Plugin, Visual
from world_sim.sdf.values import attribute, flag, number, text_of, unit_vector

MODEL_FRAME = "__model__"
MAX_INCLUDE_DEPTH = 16


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a reader is: the file it reads, where URIs are searched, what includes it.

    documents: every included file read so far, by path; shared by all scopes of one world.
    """

    file: Path
    search_path: tuple[Path, ...]
    including: tuple[Path, ...] = ()
    documents: dict[Path, Element] = field(default_factory=dict)


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
            if child.find("pose") is None and pose is not None:
                child.children.append(pose)
            yield (
                child,
                replace(
                    model,
                    name=text_of(child, "name", model.name),
                    static=flag(child, "static", model.static),
                    plugins=(*model.plugins, *_read_plugins(child)),
                ),
            )


def read_model(element: Element, scope: Scope) -> Model:
    """Read a <model>; its `pose` is the identity until its parent places it."""
    name = attribute(element, "name")
    nested = list(child_models(element, scope))
    frames = _model_frames(element, nested)
    links: list[Link] = []
    for child in element.find_all("link"):
        pose = frames.resolve(attribute(child, "name"), child.location)
        links.append(_read_link(child, pose, frames, scope))
    joints = [_read_joint(child, frames) for child in element.find_all("joint")]
    plugins = list(_read_plugins(element))
    for child, model in nested:
        pose = frames.resolve(model.name, child.location)
        links += [
            replace(link, name=f"{model.name}::{link.name}", pose=pose.compose(link.pose))
            for link in model.links
        ]
        joints += [_prefixed(joint, model.name) for joint in model.joints]
        plugins += model.plugins
    _check_joints(joints, links)
    return Model(
        name=name,
        pose=IDENTITY,
        static=flag(element, "static"),
        location=element.location,
        links=tuple(links),
        joints=tuple(joints),
        plugins=tuple(plugins),
    )


def _prefixed(joint: Joint, model: str) -> Joint:
    parent = joint.parent if joint.parent == "world" else f"{model}::{joint.parent}"
    return replace(
        joint, name=f"{model}::{joint.name}", parent=parent, child=f"{model}::{joint.child}"
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
            frames.add_element(attribute(child, "name"), child, _link_name(child, "child"))
    for child, model in nested:
        frames.add_element(model.name, child, MODEL_FRAME)
        for link in model.links:
            frames.add(f"{model.name}::{link.name}", model.name, link.pose, link.location)
    return frames


def _link_name(joint: Element, role: str) -> str:
    """The parent or child of a joint: text, or since SDF 1.12 drafts the attribute `link`."""
    element = joint.find(role)
    if element is None or not (element.text or element.find("link")):
        raise joint.error(f"lacks <{role}>")
    return element.text or text_of(element, "link")


def _read_link(element: Element, pose: Pose3, frames: FrameGraph, scope: Scope) -> Link:
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
    return Link(
        name=name,
        pose=pose,
        location=element.location,
        inertial=read_inertial(inertial, frames.pose_in(name, inertial) if inertial else IDENTITY),
        collisions=tuple(collisions),
        visuals=tuple(visuals),
        sensors=tuple(sensors),
    )


def _read_joint(element: Element, frames: FrameGraph) -> Joint:
    name, child = attribute(element, "name"), _link_name(element, "child")
    in_model = frames.resolve(name, element.location)
    pose = frames.resolve(child, element.location).inverse().compose(in_model)
    axis_element = element.find("axis")
    axis, limits = Vector3(0, 0, 1), None
    if axis_element is not None:
        axis = unit_vector(axis_element, "xyz", axis)
        expressed_in = axis_element.find("xyz")
        frame = expressed_in.attributes.get("expressed_in") if expressed_in else None
        if frame:
            rotation = frames.resolve(frame, axis_element.location).orientation
            axis = in_model.orientation.inverse().rotate(rotation.rotate(axis))
        limits = axis_element.find("limit")
    dynamics = axis_element.find("dynamics") if axis_element is not None else None
    infinity = float("inf")
    return Joint(
        name=name,
        kind=attribute(element, "type"),
        parent=_link_name(element, "parent"),
        child=child,
        pose=pose,
        axis=pose.orientation.rotate(axis),
        location=element.location,
        lower=number(limits, "lower", -infinity, unbounded=True) if limits else -infinity,
        upper=number(limits, "upper", infinity, unbounded=True) if limits else infinity,
        effort=number(limits, "effort", infinity, unbounded=True) if limits else infinity,
        damping=number(dynamics, "damping", 0.0) if dynamics else 0.0,
        friction=number(dynamics, "friction", 0.0) if dynamics else 0.0,
    )


def _read_plugins(element: Element) -> Iterator[Plugin]:
    for child in element.find_all("plugin"):
        yield Plugin(
            filename=child.attributes.get("filename", ""),
            name=child.attributes.get("name", ""),
            element=child,
            location=child.location,
        )


def _check_joints(joints: list[Joint], links: list[Link]) -> None:
    """Every joint names links that exist, and no link is the child of two joints."""
    names = {link.name for link in links}
    children: set[str] = set()
    for joint in joints:
        for role, name in (("parent", joint.parent), ("child", joint.child)):
            if name not in names and not (role == "parent" and name == "world"):
                element = Element("joint", {}, joint.location)
                raise element.error(
                    f"'{joint.name}' has the {role} '{name}', which is no link of the model",
                    f"links: {', '.join(sorted(names)[:12])}",
                )
        if joint.child in children:
            element = Element("joint", {}, joint.location)
            raise element.error(f"link '{joint.child}' is the child of two joints")
        children.add(joint.child)
