"""What a run says of itself to people: data card, model card, release notes, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined

from autonomy_nodes.decision.card import render
from autonomy_nodes.decision.contract import load_manifest
from policy_training.config import DRIVERS, TrainingConfig
from policy_training.export import revision
from policy_training.store import SCHEMA_VERSION, schema

_TEMPLATES = Environment(
    loader=PackageLoader("policy_training", "."),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,
)

_MEANING = {
    "random": "random velocities",
    "go_to_goal": "straight at the goal, blind",
    "fallback": "the planner alone",
    "policy": "the policy alone",
    "policy_int8": "the policy alone, INT8",
    "default": "the policy, the planner as fallback",
}


def data_card(config: TrainingConfig, frame: pl.DataFrame, created: str) -> str:
    """Say what the data are.

    Args:
        config: the run.
        frame: one row per tick, as `quality.check` returns it.
        created: date, ISO 8601.
    """
    by_split = (
        frame.group_by("split", maintain_order=True)
        .agg(
            pl.len().alias("ticks"),
            pl.col("episode").n_unique().alias("worlds"),
            pl.col("episode").min().alias("first_seed"),
            pl.col("episode").max().alias("last_seed"),
            pl.col("by_policy").mean().alias("by_policy"),
        )
        .to_dicts()
    )
    by_family = (
        frame.filter(pl.col("split") == "train")
        .group_by("family")
        .agg(pl.len().alias("ticks"), pl.col("episode").n_unique().alias("worlds"))
        .sort("worlds", descending=True)
        .to_dicts()
    )
    columns = ("nearest", "goal_distance", "vx", "wz", "label_vx", "label_wz", "clearance")
    quantiles = [
        {"name": name, **{f"q{q}": frame[name].quantile(q / 100) for q in (0, 5, 50, 95, 100)}}
        for name in columns
    ]
    widths = dict.fromkeys(("scan", "guide", "goal", "velocity", "label"), 1)
    fields = [
        {"name": field.name, "type": str(field.type), "unit": field.metadata[b"unit"].decode()}
        for field in schema(widths)
    ]
    return _TEMPLATES.get_template("data_card.md.j2").render(
        config=config,
        created=created,
        revision=revision(),
        version=SCHEMA_VERSION,
        by_split=by_split,
        by_family=by_family,
        quantiles=quantiles,
        fields=fields,
    )


def model_card(directory: Path, figures: Mapping[str, Any]) -> str:
    """The contract for people, what the run measured, and what the policy is not for.

    Args:
        directory: the policy.
        figures: of `pipeline.run`.
    """
    manifest = load_manifest(directory / "manifest.yaml")
    contract = render(manifest).split("## Measured")[0].rstrip()
    return _TEMPLATES.get_template("model_card.md.j2").render(
        contract=contract, manifest=manifest, figures=figures, rows=_rows(figures)
    )


def release_notes(directory: Path, figures: Mapping[str, Any]) -> str:
    """What this version is and how to take it into use and back."""
    manifest = load_manifest(directory / "manifest.yaml")
    return _TEMPLATES.get_template("release_notes.md.j2").render(
        manifest=manifest, figures=figures, rows=_rows(figures)
    )


def _rows(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The closed-loop figures, one row per driver, baselines first."""
    names = [*DRIVERS, "policy_int8"]
    return [
        {"meaning": _MEANING[name], **figures["evaluation"][name]}
        for name in names
        if name in figures["evaluation"]
    ]
