"""Every world of some directories, driven in: `edge-autonomy bench worlds`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mujoco

from autonomy_interfaces.messages import SECOND
from world_sim.bench.speed import build_with_robot, drive_in_circles
from world_sim.errors import WorldError
from world_sim.simulator import Simulator
from world_sim.world import load_world

PATTERNS = ("*.sdf", "*.world")
WITHOUT_EFFECT = "changes neither the physics nor a sensor that is played"


def world_files(places: Sequence[Path]) -> list[Path]:
    """The world files of directories, in order, and those that are named themselves.

    Raises:
        WorldError: a place does not exist or holds no world.
    """
    files: list[Path] = []
    for place in places:
        if place.is_file():
            files.append(place)
            continue
        found = sorted(file for pattern in PATTERNS for file in place.glob(pattern))
        if not found:
            raise WorldError(place, "holds no world", f"expected {' or '.join(PATTERNS)}")
        files.extend(sorted(found, key=_natural))
    return files


def run_worlds(
    files: Sequence[Path], seconds: float, progress: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """Load each world and drive in it for `seconds`; a robot is added where there is none.

    Returns:
        worlds: {file: figures of `run_world`}; ran, failed: how many; warnings: all warnings of
        all worlds with the number of worlds that have them; unexplained: how many say no reason.
    """
    worlds: dict[str, dict[str, Any]] = {}
    for file in files:
        progress(str(file))
        worlds[str(file)] = run_world(file, seconds)
    warnings: dict[str, int] = {}
    for figures in worlds.values():
        for warning in {(w["element"], w["status"], w["why"]) for w in figures["warnings"]}:
            text = "{}: {} ({})".format(*warning)
            warnings[text] = warnings.get(text, 0) + 1
    failed = sum(bool(figures["error"]) for figures in worlds.values())
    return {
        "seconds": seconds,
        "ran": len(worlds) - failed,
        "failed": failed,
        "unexplained": sum(
            not warning["why"] for figures in worlds.values() for warning in figures["warnings"]
        ),
        "warnings": warnings,
        "worlds": worlds,
    }


def run_world(file: Path, seconds: float) -> dict[str, Any]:
    """Drive in one world.

    Returns:
        error: why it cannot be played, or "". warnings: what is not played as written, and what
        the physics engine complained of, each with `element`, `status`, `why`, `at`. shapes;
        robots; driven_m: way of the first robot; contacts; realtime_factor.
    """
    try:
        world = load_world(file)
        simulator = build_with_robot(world)
    except WorldError as error:
        return {"error": str(error), "warnings": []}
    places = [_place(simulator)]
    spent_s = 0.0
    while simulator.now_ns < seconds * SECOND:
        spent_s += drive_in_circles(simulator, min(0.5, seconds))
        places.append(_place(simulator))
    warnings = [
        {
            "element": note.path,
            "status": note.status,
            # What is ignored without a reason of its own is for people or for the engine.
            "why": note.detail or (WITHOUT_EFFECT if note.status == "ignored" else ""),
            "at": str(note.location),
        }
        for note in world.notes
    ]
    return {
        "error": "",
        "warnings": [*warnings, *_engine_warnings(simulator)],
        "shapes": simulator.shapes,
        "robots": len(simulator.robots),
        "driven_m": sum(math.dist(a, b) for a, b in itertools.pairwise(places)),
        "contacts": len(simulator.contacts_since_start),
        "realtime_factor": simulator.now_ns / SECOND / spent_s,
    }


def _engine_warnings(simulator: Simulator) -> list[dict[str, str]]:
    """What MuJoCo warned of (numbers that blew up, full buffers), with its own words."""
    return [
        {
            "element": "physics",
            "status": "warning",
            "why": mujoco.mju_warningText(kind, warning.lastinfo),
            "at": f"{warning.number} times",
        }
        for kind, warning in enumerate(simulator.data.warning)
        if warning.number
    ]


def _place(simulator: Simulator) -> tuple[float, float]:
    truth = simulator.ground_truth(next(iter(simulator.robots)))
    return truth.x, truth.y


def _natural(path: Path) -> tuple[int, str]:
    """world_2 before world_10."""
    digits = "".join(character for character in path.stem if character.isdecimal())
    return int(digits or 0), path.name
