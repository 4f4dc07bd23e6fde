"""Parameters of the decision node around its core."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DecisionNodeConfig:
    """Parameters of the node around the core.

    Attributes:
        policy: directory, NAME/VERSION or channel of the policy; empty for the default channel.
            Setting it on a running node changes the policy (`switch`).
        shadow_policy: likewise, of one that is asked beside it and never drives; empty for none.
        models: directory of the registry; empty for the one that is installed.
        trusted_keys: directory of public keys; empty for config/trusted_keys.
        allow_unsigned: whether a policy that no trusted key has signed may drive.
        ask_gate: whether a change of the policy needs the safety gate's consent.
        execution_provider: cpu, cuda, tensorrt or openvino.
        inference_core: CPU core that the inference thread is bound to; -1 for any.
        record_file: file that gets one JSON line per decision; empty for none.
        record_size: MiB that this file and its older parts (FILE.1 …) take together, the oldest
            going first; 0 for no bound.
        decision_rate: decisions per second where no costmap triggers them sooner.
        command_rate: of the timer that repeats the held command where no decision was published
            since its last tick, hertz.
        command_deadline: DDS deadline offered on /decision/cmd_vel, seconds.
        command_lease: DDS liveliness lease offered, seconds.
        goal_lease: silence on /mission/goal after which there is no goal, seconds.
        inference_deadline: longest wait for the policy in a tick, seconds; 0 for the manifest's
            latency budget.
        wake_latency: the longest that a sleeping core may take to wake while there is a goal,
            seconds in steps of 1e-6; 0 for cores that do not sleep, -1 to leave that to the system.
    """

    policy: str = ""
    shadow_policy: str = ""
    models: str = ""
    trusted_keys: str = ""
    allow_unsigned: bool = False
    ask_gate: bool = True
    execution_provider: str = "cpu"
    inference_core: int = -1
    record_file: str = ""
    record_size: int = 256
    decision_rate: float = 20.0
    command_rate: float = 50.0
    command_deadline: float = 0.06
    command_lease: float = 0.08
    goal_lease: float = 1.0
    inference_deadline: float = 0.0
    wake_latency: float = 0.0
