"""A policy judged in worlds that it never saw, beside baselines and the planner alone.

OUT/episodes.jsonl    one outcome per line; an interrupted campaign goes on after the last
OUT/evaluation.json   rates by driver and slice, calibration, worst cases
OUT/*.png             slices, calibration, worst cases
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from autonomy_nodes.decision.contract import load_policy
from policy_training.config import DRIVERS, Family, TrainingError
from policy_training.evaluation import ticks
from policy_training.evaluation.episodes import EpisodeOutcome, Setup, run_episode
from policy_training.evaluation.slices import episode_slices, rates
from policy_training.export import revision
from policy_training.gather import EpisodePlan, plan_episodes
from scenario_eval.jobs import map_jobs

STANDING: dict[Family, float] = {
    "barn": 0.3,
    "dense": 0.25,
    "rooms": 0.15,
    "aisles": 0.1,
    "clutter": 0.2,
}
MOVING: dict[Family, float] = {"walkers": 1.0}
FIRST_MOVING = 500_000
"""Test seeds of worlds with moving bodies begin here, those without at 0."""
WORST = 6
SEVERITY = ("collided", "bumped", "failed", "reached")
EPISODES, FIGURES, CAMPAIGN = "episodes.jsonl", "evaluation.json", "campaign.json"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class CampaignPlan:
    """What is driven: so many test worlds without and with moving bodies, by each driver.

    calibration: test worlds in which the policy drives the rig while the expert answers too.
    """

    policy: Path
    drivers: tuple[str, ...] = DRIVERS
    worlds: int = 300
    moving: int = 60
    calibration: int = 40
    monitor: bool = True

    def episodes(self) -> tuple[EpisodePlan, ...]:
        """The worlds, those without moving bodies first."""
        standing = plan_episodes(STANDING, "test", 0, self.worlds)
        return standing + plan_episodes(MOVING, "test", FIRST_MOVING, self.moving)


def run(
    plan: CampaignPlan, out: Path, workers: int, resume: bool, progress: Progress
) -> dict[str, Any]:
    """Drive everything and write the files to `out`.

    Returns:
        The figures, ready for JSON.

    Raises:
        PolicyError: the policy is refused.
        TrainingError: a driver is unknown, or `out` holds another campaign that is to be resumed.
    """
    unknown = [driver for driver in plan.drivers if driver not in DRIVERS]
    if unknown:
        raise TrainingError(f"driver '{unknown[0]}' is unknown; there are: {', '.join(DRIVERS)}")
    manifest = load_policy(plan.policy).manifest
    started = time.monotonic()
    identity = _identity(plan, manifest.model.sha256)
    known = _begin(out, identity, resume)
    outcomes = list(_drive(plan, out, known, workers, progress))
    judged = ticks.judge(plan.policy, plan.calibration, workers) if plan.calibration else None
    figures = {
        "policy": f"{manifest.name} {manifest.version}",
        **identity,
        "code": revision(),
        "drivers": {driver: _of_driver(outcomes, driver) for driver in plan.drivers},
        "calibration": asdict(judged.reliability) if judged else None,
        "tick_slices": judged.slices if judged else [],
        "wall_s": round(time.monotonic() - started, 1),
    }
    (out / FIGURES).write_text(json.dumps(figures, indent=1) + "\n")
    _draw(plan, outcomes, figures, out)
    return figures


def worst_cases(outcomes: Sequence[EpisodeOutcome], count: int = WORST) -> list[EpisodeOutcome]:
    """The worst episodes: contacts first, then failures, then the longest detours in time."""

    def badness(episode: EpisodeOutcome) -> tuple[int, float]:
        return SEVERITY.index(episode.outcome), -episode.time_s

    return sorted(outcomes, key=badness)[:count]


def _identity(plan: CampaignPlan, sha256: str) -> dict[str, Any]:
    return {
        "sha256": sha256,
        "worlds": plan.worlds,
        "moving": plan.moving,
        "monitor": plan.monitor,
    }


def _begin(
    out: Path, identity: dict[str, Any], resume: bool
) -> dict[tuple[str, str, int], EpisodeOutcome]:
    """What an interrupted campaign left behind, by driver, family and seed."""
    out.mkdir(parents=True, exist_ok=True)
    mark, episodes = out / CAMPAIGN, out / EPISODES
    if not resume:
        episodes.unlink(missing_ok=True)
    elif mark.is_file() and json.loads(mark.read_text()) != identity:
        raise TrainingError(f"{out} holds another campaign; leave out --resume or change --out")
    mark.write_text(json.dumps(identity))
    if not episodes.is_file():
        return {}
    # A line that was being written when the campaign was interrupted is left out.
    lines = [line for line in episodes.read_text().split("\n")[:-1] if line]
    episodes.write_text("".join(f"{line}\n" for line in lines))
    found = [EpisodeOutcome.of_document(json.loads(line)) for line in lines]
    return {(e.driver, e.family, e.seed): e for e in found}


def _drive(
    plan: CampaignPlan,
    out: Path,
    known: dict[tuple[str, str, int], EpisodeOutcome],
    workers: int,
    progress: Progress,
) -> Iterator[EpisodeOutcome]:
    """Every driver in every world; each outcome is on disk before the next is waited for."""
    episodes = plan.episodes()
    for driver in plan.drivers:
        setup = Setup(driver, plan.policy, plan.monitor)
        there = [known.get((driver, e.family, e.seed)) for e in episodes]
        yield from (outcome for outcome in there if outcome is not None)
        missing = [e for e, outcome in zip(episodes, there, strict=True) if outcome is None]
        counts: dict[str, int] = {}
        with (out / EPISODES).open("a") as file:
            for number, outcome in enumerate(
                map_jobs(partial(run_episode, setup=setup), missing, workers), start=1
            ):
                file.write(json.dumps(outcome.document()) + "\n")
                file.flush()
                counts[outcome.outcome] = counts.get(outcome.outcome, 0) + 1
                if number % 10 == 0 or number == len(missing):
                    progress(f"{driver}: {number}/{len(missing)} episodes {counts}")
                yield outcome


def _of_driver(outcomes: Sequence[EpisodeOutcome], driver: str) -> dict[str, Any]:
    mine = [e for e in outcomes if e.driver == driver]
    standing = [e for e in mine if e.family not in MOVING]
    moving = [e for e in mine if e.family in MOVING]
    worst = [
        {"family": e.family, "seed": e.seed, "outcome": e.outcome, "time_s": e.time_s}
        for e in worst_cases(mine)
    ]
    return {
        "standing": rates(standing),
        "moving": rates(moving),
        "slices": episode_slices(mine),
        "worst": worst,
    }


def _draw(
    plan: CampaignPlan, outcomes: Sequence[EpisodeOutcome], figures: dict[str, Any], out: Path
) -> None:
    from policy_training.evaluation import plots

    plots.draw_slices(figures["drivers"], out / "slices.png")
    for driver in plan.drivers:
        worst = worst_cases([e for e in outcomes if e.driver == driver])
        if worst:
            plots.draw_episodes(worst, out / f"worst_{driver}.png")
    if figures["calibration"]:
        plots.draw_reliability(figures["calibration"], out / "calibration.png")
