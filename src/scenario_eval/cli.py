"""Benchmarks of the whole stack."""

from __future__ import annotations

import typer

from scenario_eval.safety_bench.cli import bench as safety_bench

bench = typer.Typer(no_args_is_help=True, help="Benchmarks.")
bench.add_typer(safety_bench)
