"""Benchmarks of the whole stack."""

from __future__ import annotations

import typer

bench = typer.Typer(no_args_is_help=True, help="Benchmarks.")
