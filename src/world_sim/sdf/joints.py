"""Reading of <joint>, and which link the frames that it names are attached to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from world_sim.sdf.element import Element
from world_sim.sdf.frames import FrameGraph, inside
from world_sim.sdf.pose import Vector3
from world_sim.sdf.types import Joint, Link, Mimic, Model
from world_sim.sdf.values import attribute, flag, number, positive_or_zero, text_of, unit_vector

WORLD = "world"
MODEL_FRAME = "__model__"
INFINITY = float("inf")


class Bodies:
    """The link that each link, frame, joint or nested model of one model is attached to."""

    def __init__(self, element: Element, nested: Sequence[tuple[Element, Model]]) -> None:
        self._attached: dict[str, str] = {}
        self.links = [child.attributes.get("name", "") for child in element.find_all("link")]
        for outer, model in nested:
            self.links += [inside(outer, model, link.name) for link in model.links]
            if model.links:
                self._attached[model.name] = inside(outer, model, model.links[0].name)
            for frame in model.frames:
                self._attached[inside(outer, model, frame.name)] = inside(outer, model, frame.link)
        self._known = set(self.links)
        canonical = element.attributes.get("canonical_link", "").strip()
        self._attached[MODEL_FRAME] = canonical or (self.links[0] if self.links else "")
        for child in element:
            name = child.attributes.get("name", "")
            if child.name == "frame":
                self._attached[name] = child.attributes.get("attached_to") or MODEL_FRAME
            elif child.name == "joint":
                self._attached[name] = link_name(child, "child")

    def link_of(self, name: str) -> str | None:
        """The link that the frame `name` moves with, or None where there is none."""
        seen: set[str] = set()
        while name not in self._known:
            if name in seen or name not in self._attached:
                return None
            seen.add(name)
            name = self._attached[name]
        return name


def link_name(joint: Element, role: str) -> str:
    """The parent or child of a joint: text, or since SDF 1.12 drafts the element `link`."""
    element = joint.find(role)
    name = "" if element is None else element.text or text_of(element, "link")
    if not name:
        raise joint.error(f"'{joint.attributes.get('name', '')}' lacks <{role}>", "name a link")
    return name


def read_joint(element: Element, frames: FrameGraph, bodies: Bodies) -> Joint:
    """Read a <joint> of the model whose frames and bodies are given.

    Raises:
        WorldError: it joins what is not there, or its values cannot be used.
    """
    name = attribute(element, "name")
    parent, child = (_joined(element, role, bodies) for role in ("parent", "child"))
    in_model = frames.resolve(name, element.location)
    pose = frames.resolve(child, element.location).inverse().compose(in_model)
    axis_element = element.find("axis")
    if axis_element is None:
        axis_element = Element("axis", {}, element.location)
    axis = unit_vector(axis_element, "xyz", Vector3(0, 0, 1))
    expressed_in = axis_element.find("xyz")
    frame = expressed_in.attributes.get("expressed_in") if expressed_in else None
    if flag(axis_element, "use_parent_model_frame"):
        frame = MODEL_FRAME
    if frame:
        rotation = frames.resolve(frame, axis_element.location).orientation
        axis = in_model.orientation.inverse().rotate(rotation.rotate(axis))
    absent = Element("absent", {}, axis_element.location)
    limits = axis_element.find("limit") or absent
    dynamics = axis_element.find("dynamics") or absent
    lower = number(limits, "lower", -INFINITY, unbounded=True)
    upper = number(limits, "upper", INFINITY, unbounded=True)
    if lower > upper:
        raise limits.error(f"lower {lower:g} is above upper {upper:g}", "swap them")
    return Joint(
        name=name,
        kind=attribute(element, "type"),
        parent=parent,
        child=child,
        pose=pose,
        axis=pose.orientation.rotate(axis),
        location=element.location,
        lower=lower,
        upper=upper,
        effort=number(limits, "effort", INFINITY, unbounded=True),
        damping=positive_or_zero(dynamics, "damping"),
        friction=positive_or_zero(dynamics, "friction"),
        spring_stiffness=positive_or_zero(dynamics, "spring_stiffness"),
        spring_reference=number(dynamics, "spring_reference", 0.0),
        mimic=_read_mimic(axis_element.find("mimic")),
    )


def _read_mimic(element: Element | None) -> Mimic | None:
    if element is None:
        return None
    return Mimic(
        attribute(element, "joint"),
        number(element, "multiplier", 1.0),
        number(element, "offset", 0.0),
        number(element, "reference", 0.0),
    )


def _joined(element: Element, role: str, bodies: Bodies) -> str:
    name = link_name(element, role)
    if role == "parent" and name == WORLD:
        return name
    link = bodies.link_of(name)
    if link is None:
        known = ", ".join(sorted(bodies.links)[:12]) or "none"
        raise element.error(
            f"'{element.attributes.get('name', '')}' has the {role} '{name}', which is no link of"
            " the model",
            f"links: {known}",
        )
    return link


def check_joints(joints: Iterable[Joint], links: Iterable[Link]) -> None:
    """No link is the child of two joints, none joins a link to itself, and mimics find theirs.

    Raises:
        WorldError: one does not hold.
    """
    joints = list(joints)
    names = {link.name for link in links}
    by_name = {joint.name: joint for joint in joints}
    children: set[str] = set()
    for joint in joints:
        element = Element("joint", {}, joint.location)
        for link in (joint.parent, joint.child):
            if link not in names and link != WORLD:
                raise element.error(f"'{joint.name}' joins '{link}', which is no link")
        if joint.parent == joint.child:
            raise element.error(f"'{joint.name}' joins '{joint.child}' to itself", "name two links")
        if joint.child in children:
            raise element.error(
                f"link '{joint.child}' is the child of two joints", "remove one of them"
            )
        children.add(joint.child)
        if joint.mimic is not None and joint.mimic.joint not in by_name:
            known = ", ".join(sorted(by_name)[:12])
            raise element.error(
                f"'{joint.name}' mimics '{joint.mimic.joint}', which is no joint of the model",
                f"joints: {known}",
            )
