"""Where a policy's inputs come from: one class per kind of source, with its features' meaning.

A new kind is a class here, an entry in `Source`, and an encoder in `features`. What a kind reads
(`topic`, `message`, `frame`, `unit`) is fixed: a manifest may state it, and is refused where it
states another.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from autonomy_nodes.decision.schema import Positive, Schema


class ScanSource(Schema):
    """/scan, min-pooled: feature i is the nearest return in sector i, metres.

    Sectors divide `field_of_view` evenly, counter-clockwise from -field_of_view/2 about the
    base's x axis; ranges are from the lidar's origin and clipped to `max_range`. A sector with
    no usable beam follows `missing`: read as free (`max_range`), as blocked (`zero`), or no
    inference in that tick (`refuse`). A return of +inf is a free beam, not a missing one.
    """

    kind: Literal["scan"]
    topic: Literal["/scan"] = "/scan"
    message: Literal["sensor_msgs/msg/LaserScan"] = "sensor_msgs/msg/LaserScan"
    frame: Literal["base_link"] = "base_link"
    unit: Literal["m"] = "m"
    beams: Annotated[int, Field(ge=1, le=4096)]
    field_of_view: Annotated[float, Field(gt=0.0, le=math.tau)]
    max_range: Positive
    missing: Literal["max_range", "zero", "refuse"] = "max_range"

    @property
    def shape(self) -> tuple[int, ...]:
        """(beams,)."""
        return (self.beams,)


class GoalSource(Schema):
    """The goal in polar form: (distance clipped to `max_distance`, cos bearing, sin bearing)."""

    kind: Literal["goal"]
    topic: Literal["/mission/goal"] = "/mission/goal"
    message: Literal["geometry_msgs/msg/PoseStamped"] = "geometry_msgs/msg/PoseStamped"
    frame: Literal["base_link"] = "base_link"
    unit: Literal["m"] = "m"
    max_distance: Positive

    @property
    def shape(self) -> tuple[int, ...]:
        """(3,)."""
        return (3,)


class GuideSource(Schema):
    """Points of the planner's guide path, base_link: x0, y0, x1, y1, …

    Point i lies `lookahead[i]` metres along the path from the robot's place on it. Past the
    path's end it is the end, or, with `beyond` as `straight`, on the line along which the path
    ends: a policy that reads a short guide as a tight place then does not slow down before the
    goal. Without a path there is no inference in that tick.
    """

    kind: Literal["guide"]
    topic: Literal["/perception/costmap"] = "/perception/costmap"
    message: Literal["nav_msgs/msg/OccupancyGrid"] = "nav_msgs/msg/OccupancyGrid"
    frame: Literal["base_link"] = "base_link"
    unit: Literal["m"] = "m"
    lookahead: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=64)]
    beyond: Literal["end", "straight"] = "end"

    @property
    def shape(self) -> tuple[int, ...]:
        """(2 * points,)."""
        return (2 * len(self.lookahead),)


class VelocitySource(Schema):
    """The measured body velocity from /odom: (vx m/s, wz rad/s)."""

    kind: Literal["velocity"]
    topic: Literal["/odom"] = "/odom"
    message: Literal["nav_msgs/msg/Odometry"] = "nav_msgs/msg/Odometry"
    frame: Literal["base_link"] = "base_link"
    unit: Literal["m/s, rad/s"] = "m/s, rad/s"

    @property
    def shape(self) -> tuple[int, ...]:
        """(2,)."""
        return (2,)


class CostmapSource(Schema):
    """A square of /perception/costmap that moves and turns with the base, row 0 at its right.

    Cell (row, column) is sampled at x = (column - size/2 + 0.5) * resolution, y likewise by
    row; values 0 (free) to 1 (occupied), `unknown` for what was not seen or is off the map.
    """

    kind: Literal["costmap"]
    topic: Literal["/perception/costmap"] = "/perception/costmap"
    message: Literal["nav_msgs/msg/OccupancyGrid"] = "nav_msgs/msg/OccupancyGrid"
    frame: Literal["base_link"] = "base_link"
    unit: Literal["1"] = "1"
    size: Annotated[int, Field(ge=2, le=512)]
    resolution: Positive
    unknown: Annotated[float, Field(ge=-1.0, le=1.0)] = 0.0

    @property
    def shape(self) -> tuple[int, ...]:
        """(size, size)."""
        return (self.size, self.size)


Source: TypeAlias = Annotated[
    ScanSource | GoalSource | GuideSource | VelocitySource | CostmapSource,
    Field(discriminator="kind"),
]
