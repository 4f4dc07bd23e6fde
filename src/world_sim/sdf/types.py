"""What an SDF file says, as frozen data. Units are SI; frames are named at each pose.

Poses are resolved while reading: whatever `relative_to` and frames a file uses, a link's pose
is in its model, a collision's or sensor's in its link, a model's in the world.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from world_sim.errors import Location
from world_sim.sdf.element import Element
from world_sim.sdf.geometry_types import (
    Box,
    Capsule,
    Cylinder,
    Ellipsoid,
    Geometry,
    Heightmap,
    Mesh,
    Plane,
    Polyline,
    Sphere,
)
from world_sim.sdf.pose import IDENTITY, Pose3, Vector3
from world_sim.sdf.sensor_types import (
    CameraSpec,
    ImuSpec,
    LidarSpec,
    NavSatSpec,
    Noise,
    Sensor,
)

__all__ = [
    "Box",
    "CameraSpec",
    "Capsule",
    "Collision",
    "Cylinder",
    "Ellipsoid",
    "Frame",
    "Friction",
    "Geometry",
    "Heightmap",
    "ImuSpec",
    "Inertial",
    "Joint",
    "LidarSpec",
    "Light",
    "Link",
    "Mesh",
    "Mimic",
    "Model",
    "NavSatSpec",
    "Noise",
    "Note",
    "Origin",
    "Plane",
    "Plugin",
    "Polyline",
    "Sensor",
    "Sphere",
    "Trajectory",
    "Visual",
    "World",
]

STANDARD_GRAVITY = Vector3(0.0, 0.0, -9.8)


@dataclass(frozen=True, slots=True)
class Inertial:
    """Mass (kg) and inertia (kg m², ixx iyy izz ixy ixz iyz) about `pose` in the link."""

    mass: float = 1.0
    inertia: tuple[float, float, float, float, float, float] = (1.0, 1.0, 1.0, 0.0, 0.0, 0.0)
    pose: Pose3 = IDENTITY


@dataclass(frozen=True, slots=True)
class Friction:
    """Sliding friction: `mu` along `direction` (collision frame), `mu2` across it.

    Without a direction the lower of the two holds in every direction.
    """

    mu: float = 1.0
    mu2: float = 1.0
    direction: Vector3 | None = None

    @property
    def lowest(self) -> float:
        """The lower coefficient."""
        return min(self.mu, self.mu2)


@dataclass(frozen=True, slots=True)
class Collision:
    """A shape that touches."""

    name: str
    geometry: Geometry
    pose: Pose3
    location: Location
    friction: Friction = Friction()


@dataclass(frozen=True, slots=True)
class Visual:
    """A shape that is seen, by cameras and by lidars, with its RGBA colour."""

    name: str
    geometry: Geometry
    pose: Pose3
    location: Location
    color: tuple[float, float, float, float] = (0.7, 0.7, 0.7, 1.0)


@dataclass(frozen=True, slots=True)
class Link:
    """A rigid body; `pose` in the model. self_collide: whether it touches such links of it."""

    name: str
    pose: Pose3
    location: Location
    inertial: Inertial = Inertial()
    collisions: tuple[Collision, ...] = ()
    visuals: tuple[Visual, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    gravity: bool = True
    self_collide: bool = False


@dataclass(frozen=True, slots=True)
class Mimic:
    """A joint that follows another: position = multiplier × (that - reference) + offset."""

    joint: str
    multiplier: float = 1.0
    offset: float = 0.0
    reference: float = 0.0


@dataclass(frozen=True, slots=True)
class Joint:
    """A joint; `pose` and `axis` in the child link's frame.

    damping: N s/m or N m s/rad. friction: N or N m. spring_stiffness: N/m or N m/rad, towards
    spring_reference.
    """

    name: str
    kind: str
    parent: str
    child: str
    pose: Pose3
    axis: Vector3
    location: Location
    lower: float = float("-inf")
    upper: float = float("inf")
    effort: float = float("inf")
    damping: float = 0.0
    friction: float = 0.0
    spring_stiffness: float = 0.0
    spring_reference: float = 0.0
    mimic: Mimic | None = None


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin of a model: what it is and its parameters, as XML."""

    filename: str
    name: str
    element: Element
    location: Location


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A motion that a script prescribes, whatever is in its way.

    times_s: of the waypoints from the beginning of the script, rising. poses: at those times, in
    the model's frame as the world places it. tension: 0 a smooth curve through the waypoints, 1
    straight lines. loop: whether it begins anew after the last. delay_s: before it first begins.
    """

    times_s: tuple[float, ...]
    poses: tuple[Pose3, ...]
    tension: float = 0.0
    loop: bool = True
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Frame:
    """A named pose in a model, and the link that it moves with ("" where there is none)."""

    name: str
    pose: Pose3
    link: str


@dataclass(frozen=True, slots=True)
class Model:
    """A model, nested models flattened into it; `pose` in the world.

    trajectory: of an actor, which nothing but its script moves; its only link has the trajectory
    for its pose in the model. frames: named poses in the model. placed_by: of them, the one that
    the world gives the pose of.
    """

    name: str
    pose: Pose3
    static: bool
    location: Location
    links: tuple[Link, ...] = ()
    joints: tuple[Joint, ...] = ()
    plugins: tuple[Plugin, ...] = ()
    trajectory: Trajectory | None = None
    frames: tuple[Frame, ...] = field(default=(), compare=False)
    placed_by: Pose3 = IDENTITY


@dataclass(frozen=True, slots=True)
class Note:
    """Something that is not played as written: where, what, and what is done instead."""

    location: Location
    path: str
    status: str
    detail: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the world's origin is on the Earth (WGS 84), and where its x axis points.

    latitude, longitude, heading: radians, the heading from east towards north. elevation: metres.
    """

    latitude: float = 0.0
    longitude: float = 0.0
    elevation: float = 0.0
    heading: float = 0.0


@dataclass(frozen=True, slots=True)
class Light:
    """A light, for cameras; `pose` in the world, `direction` in its own frame.

    kind: directional, point or spot. reach: metres, beyond which it does not shine. spread: of a
    spot, radians.
    """

    kind: str
    pose: Pose3
    direction: Vector3
    diffuse: tuple[float, float, float]
    reach: float = 10.0
    spread: float = 1.0
    shadows: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """A world ready to be played."""

    name: str
    file: str
    models: tuple[Model, ...]
    gravity: Vector3 = STANDARD_GRAVITY
    step_s: float = 0.001
    notes: tuple[Note, ...] = ()
    lights: tuple[Light, ...] = ()
    ambient: tuple[float, float, float] = (0.4, 0.4, 0.4)
    background: tuple[float, float, float] = (0.7, 0.7, 0.7)
    origin: Origin = Origin()
    resource_path: tuple[str, ...] = field(default=())
