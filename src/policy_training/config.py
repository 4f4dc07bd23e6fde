"""Schema of `config/training/*.yaml`: everything that a training run depends on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Family = Literal["barn", "dense", "rooms", "aisles", "clutter", "walkers"]
Mix = Annotated[dict[Family, Annotated[float, Field(ge=0.0)]], Field(min_length=1)]

Driver = Literal["random", "go_to_goal", "fallback", "policy", "default"]

DRIVERS: tuple[Driver, ...] = get_args(Driver)
"""What may drive: baselines first, then the planner alone, the policy alone, and both."""

SEEDS_PER_SPLIT = 1_000_000
"""World seeds of the splits are disjoint: train, validation and test start this far apart."""


class TrainingError(ValueError):
    """A training run that cannot be made; the message names the thing and the remedy."""


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Round(_Schema):
    """One round of episodes; `families` weighs which worlds they are in."""

    episodes: Count
    families: Mix


class Gathering(_Schema):
    """How the data is gathered: rounds of episodes, the expert labelling every tick.

    In round 0 the expert drives, with disturbances; in later rounds the policy of the round
    before does (DAgger), except for `expert_share` of the stretches. An episode ends at the
    goal, on contact, or after `episode_s`. The expert is the planner with `expert_samples`
    rollouts in each iteration of its search: more than there is time for on the robot.
    """

    rounds: Annotated[tuple[Round, ...], Field(min_length=1)]
    expert_share: Share = 0.3
    disturbance: Share = 0.2
    expert_samples: Count = 512
    episode_s: Annotated[float, Field(gt=1.0)] = 30.0


class Network(_Schema):
    """Sizes of the policy network and of its inputs."""

    beams: Count = 180
    field_of_view: float = 4.712388980384690
    max_range: float = 10.0
    lookahead: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
    channels: tuple[Count, ...] = (16, 32, 32)
    hidden: tuple[Count, ...] = (256, 128)


class Optimisation(_Schema):
    """Behaviour cloning of (vx, wz).

    epochs: passes over the data in the last round; correction_epochs: in the rounds before, whose
    policies only choose what is gathered next.
    """

    epochs: Count = 20
    correction_epochs: Count = 10
    batch: Count = 512
    learning_rate: Annotated[float, Field(gt=0.0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0.0)] = 1e-4
    mirror: bool = True


class Evaluation(_Schema):
    """Worlds of the validation split for the fit, of the test split for driving at the end.

    drivers: who drives there; with `policy` its INT8 variant does too.
    """

    families: Mix
    drivers: Annotated[tuple[Driver, ...], Field(min_length=1)] = DRIVERS
    time_limit_s: Annotated[float, Field(gt=1.0)] = 60.0
    validation_episodes: Count = 20
    test_episodes: Count = 40


class TrainingConfig(_Schema):
    """One training run; the same file and seed on the same machine give the same policy."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    version: str
    description: str
    seed: Annotated[int, Field(ge=0)] = 0
    workers: Count = 2
    gathering: Gathering
    network: Network = Network()
    optimisation: Optimisation = Optimisation()
    evaluation: Evaluation


def load_training_config(path: Path) -> TrainingConfig:
    """Read a training configuration.

    Raises:
        TrainingError: the file is missing, not YAML, or against the schema.
    """
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as error:
        raise TrainingError(f"training configuration {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TrainingError(
            f"training configuration {path} is not valid YAML: {' '.join(str(error).split())}"
        ) from error
    try:
        return TrainingConfig.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "file"
        raise TrainingError(f"training configuration {path}: {field}: {first['msg']}") from error
