"""The `edge-autonomy` command: mounts the commands of the packages and reports their errors."""

from __future__ import annotations

import sys

import typer

from autonomy_governance.cli import audit, gate, operator
from autonomy_interfaces.writing import REMEDIES, explained
from autonomy_nodes.decision.cli import policy
from edge_autonomy.barn_cli import barn
from edge_autonomy.bench_cli import bench as launched_bench
from edge_autonomy.demo.cli import demo
from edge_autonomy.doctor.cli import doctor
from edge_autonomy.launch.cli import launch
from edge_autonomy.parity_cli import parity_commands
from edge_autonomy.replay.cli import replay
from edge_autonomy.stack_bench_cli import bench as footprint_bench
from policy_training.cli import app as train
from scenario_eval.cli import bench as stack_bench
from scenario_eval.cli import evaluation
from world_sim.bench.cli import bench as simulator_bench
from world_sim.cli import worlds

PACKAGES = (
    "autonomy_governance",
    "autonomy_interfaces",
    "autonomy_nodes",
    "edge_autonomy",
    "policy_training",
    "safety_monitor",
    "scenario_eval",
    "world_sim",
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Autonomy for a ROS 2 robot that contains a learned policy.",
)
bench = typer.Typer(no_args_is_help=True, help="Measure this machine and this software.")


app.command()(demo)
app.command()(launch)
app.command()(doctor)
app.add_typer(operator)
app.add_typer(audit, name="audit")
app.add_typer(gate, name="gate")
app.add_typer(policy, name="policy")
app.add_typer(train, name="train")
app.add_typer(worlds, name="worlds")
app.command()(barn)
app.command()(replay)
app.add_typer(evaluation, name="eval")
evaluation.add_typer(parity_commands)
app.add_typer(bench, name="bench")
for group in (simulator_bench, stack_bench, launched_bench, footprint_bench):
    bench.add_typer(group)


def main() -> None:
    """Run the command line; what a user can mend is one line on standard error and exit 2."""
    try:
        app()
    except Exception as error:
        if not _is_for_the_user(error):
            raise
        line = explained(error) if isinstance(error, OSError) else str(error)
        print(f"error: {line}", file=sys.stderr)
        sys.exit(2)


def _is_for_the_user(error: Exception) -> bool:
    """Our error classes say what is wrong and what to do, as do a full disk and a taken port.

    Any other is a fault of ours.
    """
    return type(error).__module__.split(".")[0] in PACKAGES or _is_refusal(error)


def _is_refusal(error: Exception) -> bool:
    """Whether the system refused what it could do for another name, port or disk."""
    return isinstance(error, OSError) and error.errno in REMEDIES
