"""What becomes of every SDF element: played, approximated, ignored or refused.

One table, from which `docs/sdf_support.md`, `edge-autonomy worlds check` and the errors of
`load_world` follow. A rule is for `parent/element`, because SDF repeats names (<range> of a
light, of a lidar). What no rule names is reported as unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from world_sim.errors import WorldError
from world_sim.sdf.element import Element
from world_sim.sdf.types import Note


class Status(str, Enum):
    """What becomes of an element."""

    PLAYED = "played"
    APPROXIMATED = "approximated"
    IGNORED = "ignored"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of one element, and how.

    harmless: values (or `type` attributes) with which the element changes nothing.
    """

    status: Status
    how: str = ""
    harmless: tuple[str, ...] = ()


_PLAYED = {
    "sdf": "world model",
    "world": "gravity physics model include frame plugin scene light spherical_coordinates",
    "include": "uri name pose static plugin placement_frame",
    "actor": "pose link script",
    "script": "loop delay_start auto_start trajectory",
    "trajectory": "waypoint",
    "waypoint": "time pose",
    "model": "static pose link joint frame model include plugin self_collide",
    "frame": "pose",
    "link": "pose inertial collision visual sensor gravity self_collide",
    "inertial": "pose mass inertia",
    "inertia": "ixx iyy izz ixy ixz iyz",
    "collision": "pose geometry surface",
    "visual": "pose geometry material",
    "geometry": "box sphere cylinder capsule ellipsoid plane polyline empty",
    "box": "size",
    "sphere": "radius",
    "cylinder": "radius length",
    "capsule": "radius length",
    "ellipsoid": "radii",
    "plane": "normal size",
    "mesh": "uri scale",
    "polyline": "point height",
    "heightmap": "uri size pos",
    "surface": "friction",
    "friction": "ode",
    "material": "ambient diffuse",
    "joint": "pose parent child axis",
    "parent": "link",
    "child": "link",
    "axis": "xyz limit dynamics mimic use_parent_model_frame",
    "mimic": "multiplier offset reference",
    "limit": "lower upper",
    "dynamics": "damping friction spring_stiffness spring_reference",
    "sensor": "pose update_rate topic lidar ray imu camera navsat gps",
    "lidar": "scan range noise",
    "ray": "scan range noise",
    "scan": "horizontal",
    "horizontal": "samples min_angle max_angle noise",
    "vertical": "noise",
    "range": "min max",
    "noise": "type mean stddev bias_mean bias_stddev precision dynamic_bias_stddev"
    " dynamic_bias_correlation_time",
    "navsat": "position_sensing velocity_sensing",
    "gps": "position_sensing velocity_sensing",
    "position_sensing": "horizontal vertical",
    "velocity_sensing": "horizontal vertical",
    "camera": "horizontal_fov image clip noise",
    "image": "width height",
    "clip": "near far",
    "scene": "ambient background",
    "light": "pose diffuse direction attenuation spot intensity light_on cast_shadows",
    "attenuation": "range",
    "spot": "outer_angle",
    "spherical_coordinates": "surface_model world_frame_orientation latitude_deg longitude_deg"
    " elevation heading_deg",
    "imu": "angular_velocity linear_acceleration",
    "angular_velocity": "x y z",
    "linear_acceleration": "x y z",
    "x": "noise",
    "y": "noise",
    "z": "noise",
}

_IGNORED = {
    "sdf": "light",
    "world": "audio wind magnetic_field atmosphere road",
    "scene": "grid sky fog shadows origin_visual",
    "light": "specular visualize",
    "attenuation": "constant linear quadratic",
    "spot": "inner_angle falloff",
    "model": "allow_auto_disable enable_wind",
    "link": "enable_wind light audio_source particle_emitter",
    "collision": "max_contacts laser_retro",
    "visual": "cast_shadows transparency laser_retro visibility_flags meta plugin",
    "material": "specular emissive script shader pbr lighting double_sided render_order",
    "mesh": "submesh",
    "heightmap": "texture blend use_terrain_paging sampling",
    "surface": "contact soft_contact",
    "sensor": "always_on visualize enable_metrics gz_frame_id ignition_frame_id contact plugin",
    "horizontal": "resolution",
    "scan": "vertical",
    "range": "resolution",
    "lidar": "visibility_mask",
    "camera": "lens save visualize optical_frame_id camera_info_topic trigger_topic triggered"
    " box_type visibility_mask",
    "image": "format anti_aliasing",
    "contact": "collision topic",
    "imu": "orientation_reference_frame enable_orientation",
    "physics": "real_time_factor real_time_update_rate max_contacts ode bullet simbody dart",
    "joint": "physics sensor",
    "include": "experimental_params",
    "actor": "skin animation plugin joint",
}

_SPECIFIC = {
    "physics/max_step_size": Rule(Status.APPROXIMATED, "steps of 2 ms unless configured"),
    "ode/mu": Rule(
        Status.APPROXIMATED, "without fdir1, the lower of mu and mu2 holds in every direction"
    ),
    "ode/mu2": Rule(Status.APPROXIMATED, "as mu"),
    "ode/fdir1": Rule(
        Status.APPROXIMATED, "on driven wheels, along the axle or across it; elsewhere ignored"
    ),
    "ode/slip1": Rule(Status.IGNORED, "tyres do not creep"),
    "ode/slip2": Rule(Status.IGNORED, "tyres do not creep"),
    "friction/torsional": Rule(Status.IGNORED, "contacts resist sliding, not spinning"),
    "friction/bullet": Rule(Status.IGNORED, "the coefficients of <ode> are played"),
    "surface/bounce": Rule(Status.APPROXIMATED, "contacts do not bounce"),
    "limit/effort": Rule(Status.APPROXIMATED, "driven wheels have all the torque they need"),
    "limit/velocity": Rule(Status.IGNORED, "the drive's own limits hold"),
    "limit/stiffness": Rule(Status.IGNORED, "stops of joints are stiff"),
    "limit/dissipation": Rule(Status.IGNORED, "stops of joints are stiff"),
    "joint/axis2": Rule(Status.REFUSED, "joints of two axes are not played"),
    "joint/thread_pitch": Rule(Status.IGNORED, "of a screw joint"),
    "joint/gearbox_ratio": Rule(Status.IGNORED, "of a gearbox"),
    "joint/gearbox_reference_body": Rule(Status.IGNORED, "of a gearbox"),
    "link/kinematic": Rule(Status.REFUSED, "no kinematic links", ("0", "false")),
    "link/velocity_decay": Rule(Status.APPROXIMATED, "bodies are not damped by the air"),
    "link/must_be_base_link": Rule(Status.REFUSED, "the joints decide the tree", ("0", "false")),
    "inertial/fluid_added_mass": Rule(Status.REFUSED, "fluids are not played"),
    "inertial/density": Rule(Status.REFUSED, "give mass and inertia"),
    "collision/density": Rule(Status.REFUSED, "give mass and inertia of the link"),
    "inertial/auto_inertia_params": Rule(Status.REFUSED, "give mass and inertia"),
    "geometry/mesh": Rule(
        Status.APPROXIMATED,
        "seen as it is; touched as the convex hull of each connected part (of a moving link: of"
        " the whole)",
    ),
    "geometry/heightmap": Rule(
        Status.APPROXIMATED, "static ground; a lidar cuts it at the height at which it starts"
    ),
    "geometry/image": Rule(Status.REFUSED, "image geometry is not played"),
    "world/actor": Rule(
        Status.APPROXIMATED,
        "not its skin, but the shapes of its <link>; without one, a person: a cylinder of 0.25 m"
        " radius and 1.75 m height that stands on z = 0",
    ),
    "world/population": Rule(Status.REFUSED, "populations are not played"),
    "world/joint": Rule(Status.REFUSED, "joints between models are not played"),
    "model/gripper": Rule(Status.REFUSED, "grippers are not played"),
}

# Sensors by `type`: those without a rule are unknown.
SENSORS = {
    "gpu_lidar": Rule(Status.PLAYED, "planar: one horizontal row of beams"),
    "lidar": Rule(Status.PLAYED, "as gpu_lidar"),
    "ray": Rule(Status.PLAYED, "as gpu_lidar"),
    "gpu_ray": Rule(Status.PLAYED, "as gpu_lidar"),
    "imu": Rule(Status.PLAYED, "gyroscope and accelerometer, without orientation"),
    "contact": Rule(Status.APPROXIMATED, "every contact of a robot is reported, as ground truth"),
    "camera": Rule(Status.PLAYED, "of driven models; colour (rgb8), without lens distortion"),
    "depth_camera": Rule(Status.PLAYED, "of driven models; metres along the optical axis"),
    "rgbd_camera": Rule(Status.PLAYED, "as camera and depth_camera; no point cloud"),
    "navsat": Rule(Status.PLAYED, "of driven models; noise of positions in metres"),
    "gps": Rule(Status.PLAYED, "as navsat"),
    "magnetometer": Rule(Status.IGNORED, "no magnetometer"),
    "altimeter": Rule(Status.IGNORED, "no altimeter"),
}

# Plugins by what their file name contains.
PLUGINS = {
    "diff-drive": Rule(Status.PLAYED, "velocity and acceleration limits, wheel odometry"),
    "diff_drive": Rule(Status.PLAYED, "as gz-sim-diff-drive-system"),
    "physics": Rule(Status.PLAYED, "MuJoCo is the physics engine"),
    "contact": Rule(Status.PLAYED, ""),
    "imu": Rule(Status.PLAYED, ""),
    "sensors": Rule(Status.PLAYED, "lidars are computed, cameras rendered"),
    "odometry-publisher": Rule(Status.IGNORED, "the simulator reports the true pose itself"),
    "joint-state-publisher": Rule(
        Status.PLAYED, "for driven models, at <update_rate> or 50 Hz; on in the node"
    ),
    "user-commands": Rule(Status.IGNORED, "no services"),
    "scene-broadcaster": Rule(Status.IGNORED, "no GUI"),
    "pose-publisher": Rule(Status.IGNORED, "the simulator reports the true pose itself"),
    "touch": Rule(Status.IGNORED, "contacts are reported for the robot as a whole"),
    "p3d": Rule(Status.IGNORED, "the simulator reports the true pose itself"),
    "navsat": Rule(Status.PLAYED, ""),
    "wheel-slip": Rule(Status.REFUSED, "slip compliance is not played"),
    "ackermann": Rule(Status.REFUSED, "only differential drives are played"),
    "mecanum": Rule(Status.REFUSED, "only differential drives are played"),
    "tracked": Rule(Status.REFUSED, "only differential drives are played"),
    "velocity-control": Rule(Status.REFUSED, "only differential drives are played"),
    "joint-controller": Rule(Status.REFUSED, "joints have no controllers"),
    "joint-position-controller": Rule(Status.REFUSED, "joints have no controllers"),
    "trajectory-follower": Rule(Status.REFUSED, "models do not follow trajectories"),
    "trailer": Rule(Status.REFUSED, "not played"),
    "buoyancy": Rule(Status.REFUSED, "fluids are not played"),
    "hydrodynamics": Rule(Status.REFUSED, "fluids are not played"),
    "lift-drag": Rule(Status.REFUSED, "aerodynamics are not played"),
    "thruster": Rule(Status.REFUSED, "not played"),
    "wind": Rule(Status.REFUSED, "wind is not played"),
}


def element_rules() -> dict[str, Rule]:
    """Every rule for an element, by `parent/element`."""
    rules = {
        f"{parent}/{name}": Rule(status)
        for table, status in ((_PLAYED, Status.PLAYED), (_IGNORED, Status.IGNORED))
        for parent, names in table.items()
        for name in names.split()
    }
    return rules | _SPECIFIC


_RULES = element_rules()
_UNKNOWN = Rule(Status.UNKNOWN, "no such element is known; it is ignored")


def rule_of(parent: Element, element: Element) -> tuple[str, Rule]:
    """The name under which `element` is reported, and its rule."""
    if element.name == "sensor":
        kind = element.attributes.get("type", "")
        return f"sensor type={kind}", SENSORS.get(kind, Rule(Status.UNKNOWN, "it is ignored"))
    if element.name == "plugin":
        filename = element.attributes.get("filename", "")
        match = next((key for key in PLUGINS if key in filename), None)
        unknown = Rule(Status.UNKNOWN, "it is ignored")
        return f"plugin {filename}", PLUGINS[match] if match else unknown
    path = f"{parent.name}/{element.name}"
    if ":" in element.name:
        return path, Rule(Status.IGNORED, "of another tool")
    return path, _RULES.get(path, _UNKNOWN)


def review(documents: Iterable[Element]) -> tuple[Note, ...]:
    """A note for each kind of element that is not played, at its first place."""
    notes: dict[str, Note] = {}
    for document in documents:
        for parent, element in _walk(document):
            name, rule = rule_of(parent, element)
            value = element.text.lower()
            if rule.status is not Status.PLAYED and value not in (rule.harmless or (None,)):
                note = Note(element.location, name, rule.status.value, rule.how)
                notes.setdefault(name, note)
    return tuple(notes.values())


def _walk(element: Element) -> Iterator[tuple[Element, Element]]:
    for child in element:
        yield element, child
        _, rule = rule_of(element, child)
        if child.name != "plugin" and rule.status in (Status.PLAYED, Status.APPROXIMATED):
            yield from _walk(child)


def refused(notes: Iterable[Note], allowed: Collection[str] = ()) -> list[Note]:
    """Those of the notes that change the physics, are not played and are not allowed to be.

    Args:
        notes: of a world.
        allowed: elements that may be left out, as `world/joint` or `joint`.
    """
    return [
        note
        for note in notes
        if note.status == Status.REFUSED.value
        and not {note.path, note.path.rpartition("/")[2]} & set(allowed)
    ]


def refuse(notes: Iterable[Note], allowed: Collection[str] = ()) -> None:
    """Raise for the first element that changes the physics and is not played.

    Raises:
        WorldError: there is one that is not allowed to be left out.
    """
    for note in refused(notes, allowed):
        raise WorldError(
            note.location,
            f"<{note.path}>: {note.detail}",
            "remove it, or allow unsupported elements to play the rest without it",
        )
