"""The data of a run on disk: gathered part by part, and taken up again where it was left."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from policy_training.config import SEEDS_PER_SPLIT, TrainingConfig, TrainingError
from policy_training.dataset import Dataset, concatenate
from policy_training.gather import EpisodePlan, gather, plan_episodes
from policy_training.store import part_file, read_part, write_part

Progress = Callable[[str], None]

SEEDS_PER_RUN = 10_000
"""Runs of different seeds train in different worlds; validation and test worlds stay the same."""
PART_EPISODES = 20
RUN_FILE = "run.json"


@dataclass(frozen=True)
class Gatherer:
    """Gathers rounds of a run into a directory.

    config: the run; work: its directory, the parts go to `work`/data; progress: takes one line
    at a time; resume: whether parts that are there are taken as they are.
    """

    config: TrainingConfig
    work: Path
    progress: Progress
    resume: bool

    @property
    def data(self) -> Path:
        """Directory of the parts."""
        return self.work / "data"

    def begin(self) -> None:
        """Mark the directory as this run's.

        Raises:
            TrainingError: to be resumed, but what is there is of another configuration.
        """
        file = self.work / RUN_FILE
        mark = self.config.model_dump_json(include={"seed", "gathering", "network", "optimisation"})
        if self.resume and file.is_file() and json.loads(file.read_text()) != json.loads(mark):
            raise TrainingError(
                f"{self.work} holds a run of another configuration; train without --resume"
            )
        self.work.mkdir(parents=True, exist_ok=True)
        file.write_text(mark)

    def train_round(self, index: int, policy: Path | None) -> Dataset:
        """The ticks of a round, driven by `policy` where there is one; each has its own worlds.

        Raises:
            TrainingError: they hold no usable tick.
        """
        rounds = self.config.gathering.rounds
        earlier = sum(entry.episodes for entry in rounds[:index])
        first = self.config.seed * SEEDS_PER_RUN % SEEDS_PER_SPLIT + earlier
        plans = plan_episodes(rounds[index].families, "train", first, rounds[index].episodes)
        return self._gather(plans, "train", index, policy)

    def validation(self) -> Dataset:
        """The ticks that the fit is measured on: the expert drives.

        Raises:
            TrainingError: they hold no usable tick.
        """
        evaluation = self.config.evaluation
        plans = plan_episodes(evaluation.families, "validation", 0, evaluation.validation_episodes)
        return self._gather(plans, "validation", 0, None)

    def _gather(
        self, plans: tuple[EpisodePlan, ...], split: str, index: int, policy: Path | None
    ) -> Dataset:
        config, parts = self.config, []
        ticks = 0
        for part, start in enumerate(range(0, len(plans), PART_EPISODES)):
            file = part_file(self.data, split, index, part)
            if not (self.resume and file.is_file()):
                chunk = plans[start : start + PART_EPISODES]
                episodes = gather(chunk, config.gathering, config.network, policy, config.workers)
                write_part(concatenate(list(episodes)), file)
            parts.append(read_part(file))
            ticks += len(parts[-1])
            done = min(start + PART_EPISODES, len(plans))
            self.progress(f"{split} round {index}: {done}/{len(plans)} episodes, {ticks} ticks")
        dataset = concatenate(parts)
        if len(dataset) == 0:
            raise TrainingError(f"{split} round {index} holds no usable tick; raise its episodes")
        return dataset
