"""Campaigns as runs of MLflow: KPIs as metrics, seeds and software as parameters, files beside.

Local by default (a directory, no server); a server by its URI.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scenario_eval.results import CAMPAIGN, JUNIT, RESULTS, SUMMARY, TIMINGS, read_summary

EXPERIMENT = "edge_autonomy evaluation"
FILES = (SUMMARY, RESULTS, TIMINGS, CAMPAIGN, JUNIT, "report.html")


class TrackingError(RuntimeError):
    """A campaign that cannot be logged; the message says why and what to do."""


def log_campaign(directory: Path, uri: str, parameters: dict[str, str]) -> str:
    """Log a campaign's results.

    Args:
        directory: what `eval run --out` wrote.
        uri: of the tracking server, or of a local store such as sqlite:///out/mlflow.db.
        parameters: what distinguishes this campaign, such as policy and revision.

    Returns:
        The id of the new MLflow run.

    Raises:
        TrackingError: MLflow is not installed, or does not take it.
        ResultsError: the directory holds no results.
    """
    mlflow = _mlflow()
    summary = read_summary(directory)
    campaign = summary.campaign
    metrics = {name: estimate.value for name, estimate in campaign.kpis.items()}
    for field in ("total", "passed", "failed", "errors", "known_defects", "safety_breaches"):
        metrics[field] = float(getattr(campaign, field))
    for name, group in summary.categories.items():
        metrics[f"passed.{name}"] = group.passed / group.total
    try:
        mlflow.set_tracking_uri(uri)
        mlflow.set_experiment(EXPERIMENT)
        with mlflow.start_run() as run:
            mlflow.log_params({"seed": summary.seed, **parameters})
            mlflow.log_metrics(metrics)
            for name in FILES:
                if (directory / name).exists():
                    mlflow.log_artifact(str(directory / name))
            return str(run.info.run_id)
    except (mlflow.exceptions.MlflowException, OSError) as error:
        raise TrackingError(f"{uri}: {error}; is the store there and writable?") from error


def _mlflow() -> Any:
    try:
        import mlflow
    except ImportError as error:
        raise TrackingError(
            "MLflow is not installed; pip install 'edge_autonomy[track]'"
        ) from error
    return mlflow
