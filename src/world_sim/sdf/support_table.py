"""`docs/sdf_support.md`, written from the rules of `coverage`."""

from __future__ import annotations

from collections.abc import Iterable

from world_sim.sdf.coverage import PLUGINS, SENSORS, Rule, Status, element_rules

_HEAD = """# What world_sim plays of SDF

Versions 1.4 to 1.11. **Played**: as Gazebo plays it. **Approximated**: played, with the difference
named. **Ignored**: changes nothing that a robot of this stack feels or measures. **Refused**:
changes the physics and is not played, so that loading fails with file and line; with
`--allow-unsupported` (`allow_unsupported=True`) the rest of the world is played. What no rule
names is ignored and reported as unknown. `edge-autonomy worlds check FILE` says all of this for a
file.

This page is generated: `edge-autonomy worlds elements > docs/sdf_support.md`.

What the rules cannot say:

- Physics is MuJoCo's (implicitfast, 2 ms steps unless configured); `max_step_size` is that of
  Gazebo and is not taken over. Contacts are far overdamped, as Gazebo's are, and do not bounce.
- The lower of two friction coefficients holds, as in Gazebo.
- A driven wheel is a velocity source whose tread obeys Coulomb's law with the load that the wheel
  carries before friction acts (the rule of Gazebo's engine); `docs/fidelity.md` compares it with
  recordings.
- Lidars see visuals, as Gazebo's rendered ones do: a collision without visual is glass. The beam
  stays level when the robot pitches.
- COLLADA's `<up_axis>` is not applied, its `<unit>` is: as in Gazebo.
- `<state>` and `<gui>` are never read.

## People and carts

An actor goes along its script whatever is in its way, at any speed the script asks for. Lidars
and cameras see it, robots that it meets have touched it and are pushed, walls and other actors do
not stop it. Times count from the start of the simulation.

    <actor name="pedestrian">
      <pose>0 0 0 0 0 0</pose>             <!-- the frame in which waypoints are given -->
      <script>
        <loop>true</loop>                  <!-- begin anew after the last waypoint -->
        <delay_start>2.0</delay_start>     <!-- s, before the first time -->
        <auto_start>true</auto_start>      <!-- false: it stands at its first waypoint -->
        <trajectory id="0" type="walk" tension="1.0">
          <waypoint><time>0</time><pose>4 -3 0 0 0 1.5708</pose></waypoint>
          <waypoint><time>5</time><pose>4 3 0 0 0 1.5708</pose></waypoint>
          <waypoint><time>10</time><pose>4 -3 0 0 0 -1.5708</pose></waypoint>
        </trajectory>
      </script>
    </actor>

- Between waypoints it follows Gazebo's spline: `tension` 0 (the default) is a smooth curve, 1
  straight lines, on which it eases into and out of every waypoint.
- Without a `<link>` it is a person: an upright cylinder of 0.25 m radius and 1.75 m height that
  stands on z = 0 (waypoints of skins are often 1 m up, at the hip); of the waypoints x, y and yaw
  count. The skin and its animation are for Gazebo's eyes.
- With a `<link>` that has `<visual>`s it is those shapes (and its `<collision>`s where it is
  touched), at the whole pose of the waypoint: a cart is a box.
- `Simulator.place_actor(name, pose)` takes one out of its script, for actors that react.
"""


_TAIL = """
## Cameras

Cameras, satellite receivers and joint states are those of driven models. Images are rendered by
MuJoCo off-screen (EGL, or OSMesa; Debian: `libegl1 libgl1-mesa-dri`; no display, no GPU), on
`camera/image`, `camera/depth` and their `camera_info`. Where there is no OpenGL, or with
`MUJOCO_GL=off`, cameras are off, which a warning says, and everything else runs. The parameter
`camera_quality` of the node (`SimulatorConfig`) is `fast` (flat light), `fine` (shadows, smooth
edges) or `off`; `edge-autonomy bench camera` measures the cost.
"""


def support_table() -> str:
    """The page as Markdown."""
    rules = element_rules()
    plain = {
        status: _by_parent(n for n, r in rules.items() if r.status is status and not r.how)
        for status in (Status.PLAYED, Status.IGNORED)
    }
    noted = [(name, rule) for name, rule in rules.items() if rule.how]
    return "\n".join(
        [
            _HEAD,
            "## Elements played as written",
            "",
            *_lists(plain[Status.PLAYED]),
            "",
            "## Elements ignored",
            "",
            *_lists(plain[Status.IGNORED]),
            "",
            "## Elements with a difference",
            "",
            *_table("element", noted),
            "",
            "## Sensors, by `type`",
            "",
            *_table("sensor", SENSORS.items()),
            "",
            "## Plugins, by a part of the file name",
            "",
            *_table("plugin", PLUGINS.items()),
            _TAIL,
        ]
    )


def _by_parent(names: Iterable[str]) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {}
    for name in names:
        parent, child = name.split("/")
        children.setdefault(parent, []).append(child)
    return children


def _lists(children: dict[str, list[str]]) -> list[str]:
    lines = ["| in | elements |", "| --- | --- |"]
    for parent in sorted(children):
        names = ", ".join(f"`{name}`" for name in children[parent])
        lines.append(f"| `<{parent}>` | {names} |")
    return lines


def _table(title: str, rules: Iterable[tuple[str, Rule]]) -> list[str]:
    order = list(Status)
    rows = sorted(rules, key=lambda item: (order.index(item[1].status), item[0]))
    lines = [f"| {title} | status | how |", "| --- | --- | --- |"]
    for name, rule in rows:
        harmless = f" (unless {' or '.join(rule.harmless)})" if rule.harmless else ""
        lines.append(f"| `{name}` | {rule.status.value}{harmless} | {rule.how} |")
    return lines
