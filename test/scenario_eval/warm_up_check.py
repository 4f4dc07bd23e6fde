"""What a scenario compiles although every node has warmed up: `python warm_up_check.py FILE…`.

Writes one line for each compiled function that gets a signature of its own in a scenario. It has
to be a process of its own: what another test has compiled would hide what a warm-up leaves out.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from numba.core.dispatcher import Dispatcher

from autonomy_interfaces.share import share_directory
from autonomy_nodes.decision.contract import load_policy
from autonomy_nodes.decision.decision import DecisionConfig
from autonomy_nodes.decision.rehearsal import warm_up as warm_up_decision
from autonomy_nodes.perception.costmap import PerceptionConfig
from autonomy_nodes.perception.node import warm_up as warm_up_perception
from autonomy_nodes.planning.planner import PlannerConfig
from safety_monitor.config import MonitorConfig
from safety_monitor.rehearsal import rehearse
from scenario_eval.options import StackOptions
from scenario_eval.runner.play import play
from scenario_eval.scenarios.loading import find_files, load_runs

ON_ROBOT = ("autonomy_interfaces.", "autonomy_nodes.", "safety_monitor.")


def signatures() -> set[tuple[str, str]]:
    """Function and signature of everything compiled so far that runs on a robot."""
    found: set[tuple[str, str]] = set()
    for dispatcher in gc.get_objects():
        if isinstance(dispatcher, Dispatcher):
            function = dispatcher.py_func
            name = f"{function.__module__}.{function.__qualname__}"
            if name.startswith(ON_ROBOT):
                found.update((name, str(signature)) for signature in dispatcher.overloads)
    return found


def warm_up() -> None:
    """Do what each node does before it begins."""
    options = StackOptions()
    warm_up_perception(options.load(PerceptionConfig, "perception"))
    policy = load_policy(share_directory() / "models" / "default")
    decision = options.load(DecisionConfig, "decision")
    warm_up_decision(decision, options.load(PlannerConfig, "decision"), policy)
    rehearse(options.load(MonitorConfig, "safety_monitor"))


def main() -> None:
    """Warm up, play the first run of each scenario, and tell what is new after each."""
    plans = load_runs(find_files([Path(name) for name in sys.argv[1:]]))
    runs = {plan.scenario_id: plan for plan in reversed(plans)}
    warm_up()
    known = signatures()
    for plan in runs.values():
        play(plan.scenario, Path(plan.file).parent, plan.seed)
        new = signatures() - known
        known |= new
        for name, signature in sorted(new):
            sys.stdout.write(f"{plan.scenario_id}: {name} {signature}\n")


if __name__ == "__main__":
    main()
