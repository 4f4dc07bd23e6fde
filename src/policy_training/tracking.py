"""The record of a run in MLflow: parameters, metrics, artifacts, environment, git revision.

The store is a file beside the outputs (`out/mlflow.db`, artifacts in `out/mlartifacts`); a
server is asked only where MLFLOW_TRACKING_URI names one.

    mlflow ui --backend-store-uri sqlite:///out/mlflow.db
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import logging
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from policy_training.config import TrainingConfig, TrainingError
from policy_training.export import revision

STORE = Path("out")
EXPERIMENT = "policy_training"
# Read once: mlflow sets it for itself when it is given a store.
GIVEN_STORE = os.environ.get("MLFLOW_TRACKING_URI")


class Record(Protocol):
    """Where a run writes what it finds."""

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Note figures, of a step (a round) or of the run."""

    def artifact(self, path: Path, folder: str = "") -> None:
        """Keep a copy of a file or a directory."""


class NoRecord:
    """A record that keeps nothing."""

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Drop the figures."""

    def artifact(self, path: Path, folder: str = "") -> None:
        """Drop the file."""


class _MlflowRecord:
    def __init__(self, mlflow: Any):
        self._mlflow = mlflow

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        self._mlflow.log_metrics({name: float(value) for name, value in values.items()}, step=step)

    def artifact(self, path: Path, folder: str = "") -> None:
        log = self._mlflow.log_artifacts if path.is_dir() else self._mlflow.log_artifact
        log(str(path), folder or None)


@contextmanager
def recorded(config: TrainingConfig, track: bool) -> Iterator[Record]:
    """Record the run inside the block; an exception marks it as failed.

    Args:
        config: its parameters.
        track: False for a run that leaves no record.

    Raises:
        TrainingError: mlflow is not installed.
    """
    if not track:
        yield NoRecord()
        return
    mlflow = _mlflow()
    _choose_store(mlflow)
    with mlflow.start_run(run_name=f"{config.name} {config.version} seed {config.seed}"):
        mlflow.set_tags({"git_revision": revision(), "policy": config.name})
        mlflow.log_params(_flat(config.model_dump(mode="json")))
        mlflow.log_dict(environment(), "environment.json")
        mlflow.log_dict(config.model_dump(mode="json"), "configuration.json")
        yield _MlflowRecord(mlflow)


def environment() -> dict[str, Any]:
    """What the run depends on beside its configuration: interpreter, machine, packages."""
    packages = {dist.name: dist.version for dist in importlib.metadata.distributions()}
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "packages": dict(sorted(packages.items())),
    }


def _mlflow() -> Any:
    """The module.

    Raises:
        TrainingError: it is not installed.
    """
    if importlib.util.find_spec("mlflow") is None:
        raise TrainingError(
            "tracking needs mlflow; install it with: pip install 'edge_autonomy[train]', or train "
            "with --no-track"
        )
    import mlflow

    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return mlflow


def _choose_store(mlflow: Any) -> None:
    """Select the experiment: of the server that the environment names, or of the local file."""
    location: str | None = None
    if GIVEN_STORE is None:
        STORE.mkdir(parents=True, exist_ok=True)
        location = (STORE / "mlartifacts").resolve().as_uri()
        mlflow.set_tracking_uri(f"sqlite:///{(STORE / 'mlflow.db').resolve()}")
    known = mlflow.get_experiment_by_name(EXPERIMENT)
    identity = (
        known.experiment_id
        if known
        else mlflow.create_experiment(EXPERIMENT, artifact_location=location)
    )
    mlflow.set_experiment(experiment_id=identity)


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted names; MLflow keeps up to 500 characters of each value."""
    flat: dict[str, str] = {}
    for name, value in document.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value if isinstance(value, str) else json.dumps(value)
    return flat
