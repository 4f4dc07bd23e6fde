"""BARN runs of the real stack: one process per node, judged by the same rules as in lockstep."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_autonomy.demo.stack import DemoError
from edge_autonomy.judged_run import Witness, drive, running_stack
from scenario_eval.barn import (
    GOAL_IN_ODOM,
    START,
    BarnError,
    BarnJudge,
    BarnResult,
    BarnStatus,
    BarnWorld,
)
from scenario_eval.barn_campaign import RUN_LIMIT_S, BarnRun, RunOptions


def run_over_dds(world: BarnWorld, run: int, options: RunOptions) -> BarnRun:
    """One run of the launched stack; its number is the simulator's seed.

    Raises:
        BarnError: the stack does not start, or breaks down.
    """
    arguments = {
        "world": str(world.file.resolve()),
        "spawn_x": str(START.x),
        "spawn_y": str(START.y),
        "spawn_yaw": str(START.yaw),
        "seed": str(run),
        "driver": options.driver,
    }
    if options.policy is not None:
        arguments["policy"] = str(options.policy.resolve())
    try:
        with running_stack(arguments) as launch:
            witness = Witness(BarnJudge(world.length_m), GOAL_IN_ODOM)
            try:
                drive(launch, witness, RUN_LIMIT_S)
            finally:
                witness.close()
    except DemoError as error:
        raise BarnError(f"world {world.index}, run {run}: {error}") from error
    return BarnRun(
        world.index,
        run,
        witness.result or BarnResult(BarnStatus.TIMED_OUT, RUN_LIMIT_S, 0.0),
        witness.policy_tick_share,
        witness.interventions,
        witness.path_m,
        witness.contact,
    )


def run_campaign_over_dds(
    worlds: Sequence[BarnWorld],
    runs: int,
    options: RunOptions,
    report: Callable[[BarnRun], None],
) -> list[BarnRun]:
    """All runs over DDS, one after the other; `report` hears of each as it ends.

    Raises:
        BarnError: the monitor is to be left out (it is the only publisher of `/cmd_vel`), or the
            stack does not start.
    """
    if not options.monitor:
        raise BarnError("--no-monitor: over DDS nothing else moves the robot; use --mode lockstep")
    done = []
    for world in worlds:
        for run in range(runs):
            done.append(run_over_dds(world, run, options))
            report(done[-1])
    return done
