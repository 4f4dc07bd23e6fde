"""From a configuration to a policy that the decision node accepts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from autonomy_interfaces.share import share_directory
from autonomy_nodes.decision.contract import load_policy
from policy_training.cli import app
from policy_training.config import Network, TrainingError, load_training_config
from policy_training.dataset import Dataset

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("pandera", reason="training needs the extra 'train'")
pytest.importorskip("pyarrow", reason="training needs the extra 'train'")

TINY = {
    "name": "tiny",
    "version": "0.0.1",
    "description": "For the tests.",
    "workers": 1,
    "gathering": {
        "rounds": [
            {"episodes": 2, "families": {"clutter": 1.0}},
            {"episodes": 1, "families": {"clutter": 1.0}},
        ],
        "episode_s": 3.0,
    },
    "network": {"beams": 60, "lookahead": [0.5, 1.0], "channels": [4, 4, 4], "hidden": [16]},
    "optimisation": {"epochs": 2, "batch": 32},
    "evaluation": {
        "families": {"clutter": 1.0},
        "validation_episodes": 1,
        "test_episodes": 1,
    },
}


def _write(tmp_path, **changes):
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump({**TINY, **changes}))
    return file


def _random_ticks(count: int, network: Network) -> Dataset:
    draw = np.random.default_rng(0)

    def array(low, high, *shape):
        return draw.uniform(low, high, (count, *shape)).astype(np.float32)

    goal = array(-1.0, 1.0, 3)
    return Dataset(
        array(0.1, 10.0, network.beams),
        array(-2.0, 2.0, 2 * len(network.lookahead)),
        goal,
        array(-1.0, 1.0, 2),
        np.column_stack((goal[:, 1], goal[:, 2])),
        np.arange(count),
        np.zeros(count, np.int32),
        np.zeros(count, np.int8),
        np.zeros(count, np.bool_),
        array(0.0, 1.0),
    )


def test_shipped_configurations_are_valid():
    for name in ("default", "smoke"):
        load_training_config(share_directory() / "config" / "training" / f"{name}.yaml")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"learning": 1}, "learning"),
        ({"gathering": {"rounds": []}}, "gathering.rounds"),
        (
            {"gathering": {"rounds": [{"episodes": 1, "families": {"ice": 1.0}}]}},
            r"gathering.rounds.0.families.ice",
        ),
        ({"optimisation": {"epochs": 0}}, "optimisation.epochs"),
    ],
)
def test_wrong_configuration_names_its_field(tmp_path, changes, field):
    with pytest.raises(TrainingError, match=field):
        load_training_config(_write(tmp_path, **changes))


def test_missing_configuration_is_one_line_and_exit_code_two(tmp_path):
    result = CliRunner().invoke(app, ["--config", str(tmp_path / "absent.yaml")])
    assert result.exit_code == 2
    assert "absent.yaml" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "directory"),
    [
        ([], "out/policies/tiny"),
        (["--seed", "0"], "out/policies/tiny"),
        (["--seed", "4"], "out/policies/tiny_seed4"),
        (["--seed", "4", "--out", "mine"], "mine"),
    ],
)
def test_another_seed_leaves_the_policy_of_the_first_alone(
    tmp_path, monkeypatch, arguments, directory
):
    written = []

    def run(config, out, work, *_):
        written.append((config.seed, str(out)))
        raise TrainingError("far enough")

    monkeypatch.setattr("policy_training.pipeline.run", run)
    monkeypatch.chdir(tmp_path)
    CliRunner().invoke(app, ["--config", str(_write(tmp_path)), *arguments])
    assert written == [(4 if "4" in arguments else 0, directory)]


def test_onnx_graph_is_the_network(tmp_path):
    from policy_training.config import TrainingConfig
    from policy_training.export import export, parity
    from policy_training.network import PolicyNetwork

    config = TrainingConfig.model_validate(TINY)
    torch.manual_seed(0)
    network = PolicyNetwork(config.network)
    ticks = _random_ticks(200, config.network)
    exported = export(network, config, ticks, ticks, {}, tmp_path / "policy", "2025-01-01")
    assert exported.parity < 1e-4
    with torch.no_grad():
        network.layers[-1].bias += 0.1
    assert parity(network, config, ticks, tmp_path / "policy") > 1e-3


def test_fit_learns_what_its_data_say():
    from policy_training.config import TrainingConfig
    from policy_training.fit import errors, fit
    from policy_training.network import PolicyNetwork

    settings = {
        **TINY,
        "optimisation": {"epochs": 16, "batch": 128, "learning_rate": 3e-3, "mirror": False},
    }
    config = TrainingConfig.model_validate(settings)
    ticks = _random_ticks(2000, config.network)
    held_out = _random_ticks(400, config.network)
    untrained = errors(PolicyNetwork(config.network), held_out, config)
    result = fit(ticks, held_out, config, lambda line: None)
    assert result.vx_rmse < 0.3 * untrained[0]
    assert result.wz_rmse < 0.3 * untrained[1]


def test_int8_variant_keeps_the_contract_and_nearly_the_answers(tmp_path):
    from policy_training.config import TrainingConfig
    from policy_training.export import answers, export
    from policy_training.fit import fit, normalised
    from policy_training.quantise import quantise, state_figures

    config = TrainingConfig.model_validate({**TINY, "optimisation": {"epochs": 10, "batch": 64}})
    ticks = _random_ticks(1000, config.network)
    network = fit(ticks, ticks, config, lambda line: None).network
    figures = {"policy_success_rate": 0.9}
    whole = export(network, config, ticks, ticks, figures, tmp_path / "whole", "2025-01-01")
    quantise(whole.directory, tmp_path / "int8", ticks, config)
    small, large = load_policy(tmp_path / "int8"), load_policy(whole.directory)
    assert small.manifest.name == "tiny_int8"
    assert large.manifest.provenance.metrics == figures
    assert small.manifest.provenance.metrics == {}
    state_figures(tmp_path / "int8", tmp_path / "judged", {"policy_success_rate": 0.81234})
    judged = load_policy(tmp_path / "judged").manifest
    assert judged.provenance.metrics == {"policy_success_rate": 0.8123}
    assert judged.model.sha256 == small.manifest.model.sha256
    inputs = normalised(_random_ticks(100, config.network), config)
    difference = answers(small, inputs)[0] - answers(large, inputs)[0]
    assert 0.0 < np.sqrt(np.mean(np.square(difference))) < 0.05


def test_confidence_is_high_where_the_answers_are_right_and_low_where_they_are_not():
    from policy_training.config import TrainingConfig
    from policy_training.fit import fit_confidence, normalised
    from policy_training.network import PolicyNetwork

    config = TrainingConfig.model_validate(TINY)
    torch.manual_seed(0)
    network = PolicyNetwork(config.network)
    ticks = _random_ticks(2000, config.network)
    with torch.no_grad():
        inputs = [torch.from_numpy(array) for array in normalised(ticks, config)]
        hidden = network.encode(*inputs)
        answer = network.answer(hidden).numpy()
    telling = hidden[:, hidden.std(dim=0).argmax()].numpy()
    known = telling > np.median(telling)
    label = np.where(known[:, None], answer, answer + 1.0).astype(np.float32)
    held_out = replace(ticks, label=label)
    fit_confidence(network, held_out, config)
    with torch.no_grad():
        said = torch.sigmoid(network.confidence(network.encode(*inputs)))[:, 0].numpy()
    assert said[known].mean() > said[~known].mean() + 0.2
    assert said.mean() == pytest.approx(known.mean(), abs=0.02)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_smoke_configuration_gives_a_policy_that_is_better_than_random(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = share_directory() / "config" / "training" / "smoke.yaml"
    arguments = ["--config", str(file), "--out", "policy", "--seed", "3", "--json", "--no-track"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.stderr
    figures = json.loads(result.stdout)
    assert figures["policy_success_rate"] >= figures["random_success_rate"] + 0.3
    assert [entry["worlds"] for entry in figures["rounds"]] == [10, 15]
    _check_policy(tmp_path / "policy", figures)
    card = (tmp_path / "out" / "training" / "smoke_seed3" / "DATA_CARD.md").read_text()
    assert "| train | " in card
    _check_resume(arguments, figures, tmp_path)


def _check_policy(directory, figures):
    """It loads with its provenance, its statistics, its cards and its INT8 variant."""
    manifest = load_policy(directory).manifest
    assert manifest.provenance.seed == 3
    success = manifest.provenance.metrics["policy_success_rate"]
    assert success == pytest.approx(figures["policy_success_rate"], abs=1e-3)
    assert all(spec.statistics is not None for spec in manifest.inputs)
    assert manifest.confidence is not None
    for name in ("CARD.md", "RELEASE_NOTES.md"):
        assert manifest.model.sha256 in (directory / name).read_text()
    small = load_policy(directory / "int8").manifest
    assert small.name == "smoke_int8"
    own = small.provenance.metrics
    assert own["policy_mean_time_s"] == round(figures["policy_int8_mean_time_s"], 4)
    assert own["validation_vx_rmse"] != manifest.provenance.metrics["validation_vx_rmse"]
    assert own["validation_vx_rmse"] == pytest.approx(figures["validation_vx_rmse"], abs=0.05)


def _check_resume(arguments, figures, tmp_path):
    """The same run again takes everything from disk; another run is not mixed with it."""
    resumed = CliRunner().invoke(app, [*arguments, "--resume"])
    assert json.loads(resumed.stdout)["evaluation"] == figures["evaluation"]
    other = yaml.safe_load(Path(arguments[1]).read_text())
    other["optimisation"]["epochs"] = 1
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(other))
    changed = ["--config", str(tmp_path / "other.yaml"), *arguments[2:], "--resume"]
    refused = CliRunner().invoke(app, changed)
    assert refused.exit_code == 2
    assert "another configuration" in refused.stderr


def test_a_run_is_recorded_with_parameters_figures_files_and_environment(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="tracking needs the extra 'train'")
    from policy_training import tracking
    from policy_training.config import TrainingConfig

    monkeypatch.setattr(tracking, "STORE", tmp_path)
    monkeypatch.setattr(tracking, "GIVEN_STORE", None)
    config = TrainingConfig.model_validate(TINY)
    (tmp_path / "card.md").write_text("card")
    with tracking.recorded(config, track=True) as record:
        record.metrics({"success": 0.5}, 1)
        record.artifact(tmp_path / "card.md")
    (run,) = mlflow.search_runs(output_format="list", search_all_experiments=True)
    assert run.data.metrics == {"success": 0.5}
    assert run.data.params["optimisation.epochs"] == "2"
    assert run.data.tags["git_revision"] == tracking.revision()
    kept = {path.name for path in (tmp_path / "mlartifacts").rglob("*") if path.is_file()}
    assert kept == {"card.md", "environment.json", "configuration.json"}
