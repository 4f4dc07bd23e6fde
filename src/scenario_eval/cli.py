"""Benchmarks of the whole stack, and its evaluation by scenarios."""

from __future__ import annotations

import typer

from scenario_eval.eval_cli import playing
from scenario_eval.judging.cli import judging
from scenario_eval.safety_bench.cli import bench as safety_bench

bench = typer.Typer(no_args_is_help=True, help="Benchmarks.")
bench.add_typer(safety_bench)

evaluation = typer.Typer(no_args_is_help=True, help="Scenarios: run, judge, compare, report.")
evaluation.add_typer(playing)
evaluation.add_typer(judging)
