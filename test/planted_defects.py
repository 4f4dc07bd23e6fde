"""Does the gate find what is broken? Twelve defects, planted one at a time into the workers.

    python test/planted_defects.py --results out/planted --workers 2

plays the library once whole for a baseline, three times more as it is (the gate must pass), and
once with each defect (the gate must fail). `--only NAME` plays one; `--tag T` a part of the
library; `--until-found` plays in a shuffled order and stops at the first run that alone makes the
gate fail. The defects exist in this file alone: each replaces a function of the running software
by one that errs.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SWITCH = "PLANTED_DEFECT"
DEFECTS: dict[str, Callable[[], None]] = {}
NOT_PLANTED = (" 0 differ", "the process ended", "PolicyError")
"""What a verdict says where a patch had no effect, or broke the program, not its behaviour."""


def defect(plant: Callable[[], None]) -> Callable[[], None]:
    """Register a defect by the name of its function."""
    DEFECTS[plant.__name__] = plant
    return plant


def wrap(owner: Any, name: str, changed: Callable[..., Any]) -> None:
    """Replace owner.name by changed(original, *arguments)."""
    if getattr(owner, "_is_protocol", False):
        raise TypeError(f"{owner.__name__} is a protocol: what runs does not inherit from it")
    original = getattr(owner, name)
    setattr(
        owner,
        name,
        functools.wraps(original)(lambda *args, **kw: changed(original, *args, **kw)),
    )


def with_parameters(node: str, **factors: float) -> None:
    """Multiply parameters of a node, behind the back of every parameter file."""
    from scenario_eval import options

    def load(original: Any, config_type: Any, files: Any, node_name: str, overrides: Any) -> Any:
        config = original(config_type, files, node_name, overrides)
        if node_name != node:
            return config
        known = {name: f for name, f in factors.items() if hasattr(config, name)}
        return replace(config, **{name: f * getattr(config, name) for name, f in known.items()})

    wrap(options, "load_config", load)


@defect
def costmap_shifted_by_one_cell() -> None:
    from autonomy_nodes.perception.costmap import LocalCostmap

    def step(original: Any, self: Any, *args: Any) -> Any:
        costmap = original(self, *args)
        return replace(costmap, origin_y=costmap.origin_y + costmap.resolution)

    wrap(LocalCostmap, "step", step)


@defect
def policy_output_scaled_by_1_3() -> None:
    from autonomy_nodes.decision import proposal

    # After the dry run, which would refuse such a policy.
    wrap(proposal, "candidates", lambda original, spec, output: original(spec, 1.3 * output))


@defect
def lidar_mirrored() -> None:
    from autonomy_interfaces.messages import LaserScan
    from world_sim.simulator import Simulator

    def advance(original: Any, self: Any, duration_ns: int) -> Any:
        def mirrored(measurement: Any) -> Any:
            message = measurement.message
            if not isinstance(message, LaserScan):
                return measurement
            ranges = np.ascontiguousarray(message.ranges[::-1])
            return replace(measurement, message=replace(message, ranges=ranges))

        return [mirrored(measurement) for measurement in original(self, duration_ns)]

    wrap(Simulator, "advance", advance)


@defect
def stale_odometry_accepted() -> None:
    with_parameters("safety_monitor", odometry_timeout=100.0)
    with_parameters("decision", odometry_timeout=100.0)


@defect
def braking_distance_halved() -> None:
    # The monitor trusts the lesser of what brakes and drive surely reach.
    with_parameters(
        "safety_monitor",
        linear_deceleration=2.0,
        linear_acceleration=2.0,
        angular_deceleration=2.0,
        angular_acceleration=2.0,
    )


@defect
def watchdog_lease_tripled() -> None:
    with_parameters("safety_monitor", command_timeout=3.0)


@defect
def goal_tolerance_doubled() -> None:
    with_parameters("mission", goal_tolerance=2.0)


@defect
def fallback_never_engaged() -> None:
    from autonomy_nodes.decision.handover import DriverSelector

    wrap(
        DriverSelector, "update", lambda original, self, fault, now_ns: original(self, None, now_ns)
    )


@defect
def gate_always_allows() -> None:
    from autonomy_governance.gate import Gate

    def verdict(original: Any, self: Any, request: Any, now_ns: int) -> Any:
        return replace(original(self, request, now_ns), outcome="allow")

    wrap(Gate, "_verdict", verdict)


@defect
def imu_sign_flipped() -> None:
    from safety_monitor.monitor import SafetyMonitor

    def on_imu(original: Any, self: Any, stamp_ns: int, wz: float, now_ns: int) -> None:
        original(self, stamp_ns, -wz, now_ns)

    wrap(SafetyMonitor, "on_imu", on_imu)


@defect
def inflation_off() -> None:
    from autonomy_nodes.perception import grid

    def inflate(original: Any, evidence: Any, kernel: Any, cost: Any) -> None:
        point = np.zeros_like(kernel)
        point[kernel.shape[0] // 2, kernel.shape[1] // 2] = kernel.max()
        original(evidence, point, cost)

    wrap(grid, "inflate", inflate)


@defect
def commands_one_tick_late() -> None:
    from world_sim.simulator import Simulator

    waiting: dict[int, tuple[Any, ...]] = {}

    def command(original: Any, self: Any, *args: Any, **kw: Any) -> None:
        before = waiting.get(id(self))
        waiting[id(self)] = (args, kw)
        if before is not None:
            original(self, *before[0], **before[1])

    wrap(Simulator, "command", command)


def play_job(*arguments: Any) -> Any:
    """Play a run with the defect that the environment names; what a worker calls."""
    from scenario_eval.runner.job import play_job as play

    name = os.environ.get(SWITCH, "")
    if name and not getattr(play_job, "planted", False):
        DEFECTS[name]()
        play_job.planted = True  # type: ignore[attr-defined]
    return play(*arguments)


class Found(Exception):
    """A run that makes the gate fail whatever the runs after it do."""


def campaign(
    out: Path, arguments: argparse.Namespace, planted: str, report: Callable[[Any, Any], None]
) -> None:
    """Play the library into `out`, with or without a defect; `report` hears of each run."""
    from scenario_eval.runner.campaign import CampaignOptions, run_campaign
    from scenario_eval.scenarios.loading import find_files, load_runs

    plans = load_runs(find_files([ROOT / "scenarios"]))
    if arguments.tag:
        plans = [plan for plan in plans if arguments.tag in plan.scenario.tags]
    if arguments.until_found:
        random.Random(arguments.order).shuffle(plans)
    os.environ[SWITCH] = planted
    paths = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, dict.fromkeys(paths)))
    options = CampaignOptions(out, workers=arguments.workers, play="planted_defects:play_job")
    run_campaign(plans, options, report)


def judged(out: Path, arguments: argparse.Namespace, planted: str, baseline: Any) -> dict[str, Any]:
    """What the gate says of the library with a defect, and after how many runs.

    With `--until-found` each run is judged by itself as it ends: a new failure, a new breach or a
    KPI beyond what one run may lose is a reason in the whole campaign too, and the means, which
    take many runs, cannot take it back. If there is no such run, the gate judges all of them.
    """
    from scenario_eval.judging.baseline import Baseline
    from scenario_eval.judging.gate import judge, read_settings
    from scenario_eval.results import read_results

    settings = read_settings(ROOT / "config/eval/gate.yaml")
    played: list[str] = []

    def hear(result: Any, timing: Any) -> None:
        played.append(result.run)
        known = {run: kept for run, kept in baseline.runs.items() if run == result.run}
        reasons = judge([result], Baseline(runs=known), settings).reasons
        if arguments.until_found and reasons:
            raise Found(str(reasons[0]))

    try:
        campaign(out, arguments, planted, hear)
    except Found as found:
        return {"gate_passed": False, "runs": len(played), "says": [str(found)]}
    verdict = judge(read_results(out), baseline, settings)
    return {"gate_passed": verdict.passed, "runs": len(played), "says": verdict.lines()[:3]}


def baseline_in(arguments: argparse.Namespace) -> Any:
    """The baseline of `--results`; played where there is none yet."""
    from scenario_eval.judging.baseline import baseline_of, read_baseline, write_baseline
    from scenario_eval.results import read_results

    file = arguments.results / "baseline.json"
    if not file.exists():
        out = arguments.results / "baseline"
        campaign(out, arguments, "", lambda result, timing: None)
        write_baseline(file, baseline_of(read_results(out)))
    return read_baseline(file)


def main() -> None:
    """Play, judge and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("out/planted"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=sorted(DEFECTS), default=None)
    parser.add_argument("--tag", default="")
    parser.add_argument("--clean", type=int, default=3, help="times without a defect")
    parser.add_argument("--until-found", action="store_true", help="stop at the first sure reason")
    parser.add_argument("--order", type=int, default=0, help="seed of the shuffled order")
    arguments = parser.parse_args()
    baseline = baseline_in(arguments)
    names = [arguments.only] if arguments.only else [*[""] * arguments.clean, *DEFECTS]
    found: dict[str, Any] = {}
    for number, name in enumerate(names):
        label = name or f"unpatched_{number + 1}"
        started = time.monotonic()
        found[label] = judged(arguments.results / label, arguments, name, baseline)
        verdict = "passed" if found[label]["gate_passed"] else "failed"
        if name and any(sign in found[label]["says"][-1] for sign in NOT_PLANTED):
            raise SystemExit(
                f"{name}: {found[label]['says'][-1]}; the patch does not fit the software"
            )
        took = f"{found[label]['runs']} runs, {time.monotonic() - started:.0f} s"
        sys.stderr.write(f"{label}: gate {verdict} ({took}): {found[label]['says'][-1]}\n")
        (arguments.results / "verdicts.json").write_text(json.dumps(found, indent=1) + "\n")
    failed = sum(not found[name]["gate_passed"] for name in DEFECTS if name in found)
    sys.stdout.write(json.dumps({"defects": len(DEFECTS), "found": failed, "runs": found}) + "\n")


if __name__ == "__main__":
    main()
