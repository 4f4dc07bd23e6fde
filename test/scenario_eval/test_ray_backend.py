"""Campaigns on a Ray cluster: the same bytes as here, also when a node dies on the way."""

from __future__ import annotations

import threading

import pytest

from scenario_eval.results import RESULTS, TRACES
from scenario_eval.runner.campaign import CampaignOptions, run_campaign
from scenario_eval.runner.pool import Limits
from scenario_eval.runner.ray_backend import ClusterError, RayBackend
from scenario_eval.scenarios.loading import load_runs

SCENARIO = """
description: A short way over open ground, played many times.
world: {generate: empty}
goals: [[1.5, 0.0]]
seeds: 12
limit_s: 6.0
"""


@pytest.fixture
def plans(tmp_path):
    file = tmp_path / "library" / "short.yaml"
    file.parent.mkdir()
    file.write_text(SCENARIO)
    return load_runs([file])


@pytest.fixture
def cluster():
    """A head and two nodes of one core each, all on this machine."""
    utils = pytest.importorskip("ray.cluster_utils", reason="the extra 'ray' is not installed")
    import ray

    made = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [made.add_node(num_cpus=1) for _ in range(2)]
    made.wait_for_nodes()
    yield made, nodes
    ray.shutdown()
    made.shutdown()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_node_that_dies_takes_no_run_along(plans, cluster, tmp_path):
    made, nodes = cluster
    local, remote = tmp_path / "local", tmp_path / "remote"
    run_campaign(plans, CampaignOptions(local), lambda result, timing: None)
    killed = threading.Event()

    def kill_once(result: object, timing: object) -> None:
        if not killed.is_set():
            killed.set()
            made.remove_node(nodes[0], allow_graceful=False)

    backend = RayBackend(made.address, Limits())
    run_campaign(plans, CampaignOptions(remote, backend=backend), kill_once)
    assert killed.is_set()
    assert (local / RESULTS).read_bytes() == (remote / RESULTS).read_bytes()
    traces = sorted(file.name for file in (local / TRACES).iterdir())
    assert traces == sorted(file.name for file in (remote / TRACES).iterdir())
    for name in traces:
        assert (local / TRACES / name).read_bytes() == (remote / TRACES / name).read_bytes()


def test_no_cluster_is_said(plans, tmp_path):
    pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    backend = RayBackend("127.0.0.1:1", Limits())
    with pytest.raises(ClusterError, match="ray start"):
        run_campaign(plans, CampaignOptions(tmp_path, backend=backend), lambda *_: None)
