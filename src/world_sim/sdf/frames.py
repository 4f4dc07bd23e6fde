"""The frame semantics of SDF: poses relative to named frames, resolved within one scope."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from world_sim.errors import Location, WorldError
from world_sim.sdf.element import Element
from world_sim.sdf.pose import IDENTITY, Pose3
from world_sim.sdf.types import Model
from world_sim.sdf.values import pose_value


@dataclass(frozen=True, slots=True)
class _Frame:
    parent: str
    pose: Pose3
    location: Location


class FrameGraph:
    """Named frames of one model or world, each given relative to another.

    `root` is `__model__` or `world`. A frame is resolved when asked for, so the order in the
    file does not matter.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._frames: dict[str, _Frame] = {}
        self._resolved: dict[str, Pose3] = {root: IDENTITY}

    def add(self, name: str, parent: str, pose: Pose3, location: Location) -> None:
        """Add the frame `name` at `pose` in `parent`.

        Raises:
            WorldError: the name is taken.
        """
        if name in self._frames or name == self._root:
            raise WorldError(location, f"a second frame, link, joint or model named '{name}'")
        self._frames[name] = _Frame(parent, pose, location)

    def add_element(self, name: str, element: Element, default_parent: str) -> None:
        """Add the frame of an element by its <pose>, relative to `default_parent` unless said."""
        pose = element.find("pose")
        if pose is None:
            self.add(name, default_parent, IDENTITY, element.location)
        else:
            self.add(name, parent_of(pose, default_parent), pose_value(pose), pose.location)

    def add_model(self, element: Element, model: Model, default_parent: str) -> None:
        """Add a model that `element` nests or includes, and the frames within it.

        The pose of the element is that of the frame by which the model is placed.
        """
        pose = element.find("pose")
        place = IDENTITY if pose is None else pose_value(pose)
        parent = default_parent if pose is None else parent_of(pose, default_parent)
        self.add(model.name, parent, place.compose(model.placed_by.inverse()), element.location)
        for frame in model.frames:
            self.add(inside(element, model, frame.name), model.name, frame.pose, element.location)

    def resolve_all(self, asked_at: Location) -> Iterator[tuple[str, Pose3]]:
        """Every frame that was added, and its pose in the root frame."""
        for name in self._frames:
            yield name, self.resolve(name, asked_at)

    def resolve(self, name: str, asked_at: Location) -> Pose3:
        """Pose of the frame `name` in the root frame.

        Raises:
            WorldError: there is no such frame, or frames are defined in a circle.
        """
        chain: list[str] = []
        while name not in self._resolved:
            if name not in self._frames:
                known = ", ".join(sorted(self._frames)[:12])
                raise WorldError(asked_at, f"no frame '{name}' here", f"known: {known}")
            if name in chain:
                raise WorldError(asked_at, f"frames in a circle: {' → '.join([*chain, name])}")
            chain.append(name)
            asked_at = self._frames[name].location
            name = self._frames[name].parent
        pose = self._resolved[name]
        for member in reversed(chain):
            pose = pose.compose(self._frames[member].pose)
            self._resolved[member] = pose
        return pose

    def pose_in(self, reference: str, element: Element) -> Pose3:
        """Pose of an element's own frame in `reference`, by its <pose> (default: `reference`)."""
        pose = element.find("pose")
        if pose is None:
            return IDENTITY
        parent = parent_of(pose, reference)
        value = pose_value(pose)
        if parent == reference:
            return value
        outer = self.resolve(parent, pose.location).compose(value)
        return self.resolve(reference, pose.location).inverse().compose(outer)


def inside(element: Element, model: Model, name: str) -> str:
    """What is called `name` in a nested model, as the outer model calls it.

    Models that are merged (`<include merge="true">`) leave their names as they are.
    """
    merged = element.attributes.get("merge", "").strip().lower() in ("true", "1")
    return name if merged else f"{model.name}::{name}"


def parent_of(pose: Element, default: str) -> str:
    """The frame that a <pose> is relative to; `frame` is the attribute's name before SDF 1.7."""
    return pose.attributes.get("relative_to") or pose.attributes.get("frame") or default
