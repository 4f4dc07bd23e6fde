"""What stands in a scenario file; docs/scenarios.md shows each part in use.

Poses are [x, y] or [x, y, yaw] in the world frame, metres and radians; times are simulated
seconds since the start. Any value may be swept or drawn instead (`sampling`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)
from typing_extensions import Self

from autonomy_interfaces.messages import Pose2D
from autonomy_interfaces.share import share_directory
from scenario_eval.results import Outcome
from scenario_eval.scenarios.expressions import PATTERN, parse_condition, parse_kpi
from scenario_eval.scenarios.kpi_names import KPI_NAMES
from scenario_eval.scenarios.shapes import Shape, Spec
from scenario_eval.scenarios.worlds import REGISTRY, GeneratedWorld
from world_sim.faults import REGISTRY as FAULTS
from world_sim.faults import Fault

PoseList = Annotated[tuple[float, ...], Field(min_length=2, max_length=3)]
Seconds = Annotated[float, Field(ge=0.0)]


def as_pose(values: tuple[float, ...]) -> Pose2D:
    """The pose of a list of two or three numbers."""
    return Pose2D(*values)


def _check_condition(text: str) -> str:
    parse_condition(text)
    return text


def _check_kpi(text: str) -> str:
    parse_kpi(text, KPI_NAMES)
    return text


ConditionText = Annotated[
    str, AfterValidator(_check_condition), Field(json_schema_extra={"pattern": PATTERN})
]
KPI_PATTERN = rf"^\s*({'|'.join(KPI_NAMES)})\s*(<=|>=|==|<|>)\s*-?[\d.]+(e-?\d+)?\s*$"
KpiText = Annotated[
    str, AfterValidator(_check_kpi), Field(json_schema_extra={"pattern": KPI_PATTERN})
]


class WorldFile(Spec):
    """A world that exists: `warehouse`, or a path relative to the scenario file."""

    file: str
    shapes: tuple[Shape, ...] = Field(default=(), description="further static things")

    def path(self, beside: Path) -> Path:
        """Where the file is.

        Raises:
            ValueError: nowhere.
        """
        shipped = share_directory() / "gazebo_worlds"
        for candidate in (beside / self.file, shipped / self.file, shipped / f"{self.file}.sdf"):
            if candidate.is_file():
                return candidate
        known = ", ".join(sorted(file.stem for file in shipped.glob("*.sdf")))
        raise ValueError(f"no world '{self.file}'; shipped are: {known}")


class Robot(Spec):
    """The robot: a model of the resource path."""

    uri: str = "model://rover"


class Actor(Spec):
    """Somebody or something that moves along a path, whatever the robot does."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    shape: Literal["person", "cart", "ball"] = "person"
    path: Annotated[tuple[PoseList, ...], Field(min_length=1)]
    speed: float = Field(default=1.2, gt=0.0, le=10.0, description="m/s along the path")
    start_s: Seconds = Field(default=0.0, description="when it begins to move")
    loop: bool = Field(
        default=False, description="back to the first point after the last, for ever"
    )
    stops_for_robot_m: float = Field(
        default=0.0, ge=0.0, description="waits while the robot is this near, in front; 0: never"
    )


def _fault_kind(value: Any) -> str:
    return str(value.get("kind") if isinstance(value, dict) else getattr(value, "kind", ""))


def _world_kind(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("generate", "file" if "file" in value else ""))
    if isinstance(value, WorldFile):
        return "file"
    return str(getattr(value, "generate", ""))


if TYPE_CHECKING:
    FaultEntry = Fault
    World = WorldFile | GeneratedWorld
else:
    # A union of what is registered; its members are known at import, not to a type checker.
    _FAULTS = tuple(Annotated[kind, Tag(name)] for name, kind in FAULTS.items())
    _WORLDS = tuple(Annotated[kind, Tag(name)] for name, kind in REGISTRY.items())
    FaultEntry = Annotated[Union[_FAULTS], Discriminator(_fault_kind)]  # noqa: UP007
    World = Annotated[
        Union[(Annotated[WorldFile, Tag("file")], *_WORLDS)],
        Discriminator(_world_kind),
    ]


class Event(Spec):
    """What an operator does at a time.

    A goal given while another is open preempts it; what else was open is dropped. `approve` and
    `reject` answer what the safety gate has asked people longest ago.
    """

    at_s: Seconds
    do: Literal["cancel", "estop", "reset", "goal", "approve", "reject"]
    goal: PoseList | None = None
    who: str = Field(default="operator", description="who approves or rejects")

    @model_validator(mode="after")
    def _goal_with_goal(self) -> Self:
        if (self.do == "goal") != (self.goal is not None):
            raise ValueError("'goal' belongs to 'do: goal', and to it alone")
        if "who" in self.model_fields_set and self.do not in ("approve", "reject"):
            raise ValueError("'who' belongs to 'do: approve' and 'do: reject' alone")
        return self


class GateSpec(Spec):
    """A safety gate that the mission asks for leave for every goal (docs/gate.md)."""

    policy: str = Field(
        default="config/gate", description="directory of its policy, relative to the share"
    )
    site: dict[str, Any] = Field(
        default={},
        description="over the site of its site.json: mappings key by key, lists at their end",
    )


class StackSpec(Spec):
    """The stack under test."""

    driver: Literal["default", "policy", "fallback"] = "default"
    policy: str = Field(
        default="", description="directory, relative to the share; empty: models/default"
    )
    hostile: str = Field(
        default="", description="a policy that tries to do harm, in place of decision"
    )
    monitor: bool = True
    gate: GateSpec | None = Field(default=None, description="left out: nobody is asked")
    parameters: dict[
        Literal["perception", "mission", "decision", "safety_monitor"], dict[str, Any]
    ] = Field(default={}, description="by node, over those of config/")

    @field_validator("hostile")
    @classmethod
    def _known_hostile(cls, value: str) -> str:
        from scenario_eval.scenarios.hostile import HOSTILE

        if value and value not in HOSTILE:
            raise ValueError(f"unknown hostile policy '{value}'; known: {', '.join(HOSTILE)}")
        return value


class SimulatorSpec(Spec):
    """How the simulation is run."""

    odometry: Literal["fused", "wheel"] = "fused"


class Assertion(Spec):
    """A condition and the time in which it counts."""

    that: ConditionText
    from_s: Seconds = 0.0
    to_s: Annotated[float, Field(gt=0.0)] | None = None
    safety: bool | None = Field(default=None, description="whether a breach is one of safety")


def _as_assertion(value: Any) -> Any:
    return {"that": value} if isinstance(value, str) else value


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _as_seeds(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    if not 1 <= value <= MAX_SEEDS:
        raise ValueError(f"expected 1 to {MAX_SEEDS} seeds, or a list of them")
    return tuple(range(value))


Stated = Annotated[Assertion, BeforeValidator(_as_assertion)]
Seed = Annotated[int, Field(ge=0)]
MAX_SEEDS = 10_000


class Reaction(Spec):
    """A condition that must come true in time after something, and stay so."""

    that: ConditionText
    after: Seconds | Literal["fault", "event"] = Field(
        default="fault", description="a time, or the onset of the first fault or event"
    )
    s: Annotated[float, Field(gt=0.0)] = Field(description="seconds that it may take")
    hold_s: Seconds = Field(default=0.0, description="seconds that it must then stay true")
    safety: bool = True


class Expectations(Spec):
    """What must be so for the run to pass. Touching something fails it unless `contact: allowed`.

    outcome: the one, or any of several, that the run may have. never, always: of every tick.
    eventually: of one tick. within: reaction times. kpi: bounds on the run's KPIs.
    """

    outcome: Annotated[tuple[Outcome, ...], BeforeValidator(_as_tuple)] = (Outcome.REACHED,)
    contact: Literal["never", "allowed"] = "never"
    never: tuple[Stated, ...] = ()
    always: tuple[Stated, ...] = ()
    eventually: tuple[Stated, ...] = ()
    within: tuple[Reaction, ...] = ()
    kpi: tuple[KpiText, ...] = ()


class Scenario(Spec):
    """One scenario: what is played, with what, and what is expected."""

    description: Annotated[str, Field(min_length=10)]
    tags: tuple[str, ...] = ()
    tier: Literal[1, 2, 3] = Field(default=1, description="risk: 3 is where people could be hurt")
    world: World
    robot: Robot = Robot()
    start: PoseList | None = Field(default=None, description="left out: the world's own")
    goals: tuple[PoseList, ...] | None = Field(
        default=None, description="one after the other; left out: the world's own; empty: none"
    )
    actors: tuple[Actor, ...] = ()
    faults: tuple[FaultEntry, ...] = ()
    events: tuple[Event, ...] = ()
    stack: StackSpec = StackSpec()
    simulator: SimulatorSpec = SimulatorSpec()
    seeds: Annotated[tuple[Seed, ...], BeforeValidator(_as_seeds), Field(min_length=1)] = (0,)
    limit_s: float = Field(default=30.0, gt=0.0, le=3600.0, description="simulated time of a run")
    to_the_end: bool = Field(
        default=False, description="go on until limit_s, whatever has happened"
    )
    known_defect: str = Field(default="", description="heading in docs/known_defects.md")
    expect: Expectations = Expectations()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [actor.name for actor in self.actors]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"actors: '{twice[0]}' stands there twice; give each its own name")
        if self.goals is None and isinstance(self.world, WorldFile) and not self.events:
            raise ValueError("goals: a world from a file has none of its own; give some, or []")
        answers = any(event.do in ("approve", "reject") for event in self.events)
        if answers and self.stack.gate is None:
            raise ValueError("events: nobody asks for approval; give stack.gate, as in 'gate: {}'")
        return self
