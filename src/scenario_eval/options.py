"""Which stack is wired: drivers, policy, monitor, parameters."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autonomy_interfaces.parameters import load_config
from autonomy_interfaces.share import share_directory
from autonomy_nodes.decision.contract import load_policy
from autonomy_nodes.decision.decision import Decision, DecisionConfig
from autonomy_nodes.mission.mission import Mission, MissionConfig
from autonomy_nodes.perception.costmap import LocalCostmap, PerceptionConfig
from autonomy_nodes.planning.planner import Planner, PlannerConfig
from safety_monitor.config import MonitorConfig
from safety_monitor.monitor import SafetyMonitor

if TYPE_CHECKING:
    from scenario_eval.lockstep_gate import GatedGoals


def default_parameter_files() -> tuple[Path, ...]:
    """The parameter files that the launch files use too."""
    config = share_directory() / "config"
    return config / "robot.yaml", config / "stack.yaml"


@dataclass(frozen=True)
class StackOptions:
    """Which stack is wired.

    driver: default, policy or fallback, as of the decision node. policy: directory of the
    policy, None for the one that is shipped. monitor: whether the safety monitor guards; without
    it the base gets what decision asks for. overrides: parameters by node name, over the files'.
    gate: directory of the safety gate's policy, None where nobody asks for a goal's leave.
    gate_site: over the `site` of its site.json.
    """

    driver: str = "default"
    policy: Path | None = None
    monitor: bool = True
    parameter_files: tuple[Path, ...] = field(default_factory=default_parameter_files)
    overrides: dict[str, dict[str, Any]] = field(default_factory=dict)
    gate: Path | None = None
    gate_site: dict[str, Any] = field(default_factory=dict)

    def load(self, config_type: type[Any], node_name: str) -> Any:
        """The configuration of a core, as its node would get it."""
        return load_config(
            config_type, self.parameter_files, node_name, self.overrides.get(node_name)
        )

    def perception(self) -> LocalCostmap:
        """A perception core, as its node starts with it."""
        return LocalCostmap(self.load(PerceptionConfig, "perception"))

    def mission(self) -> Mission:
        """A mission core, as its node starts with it."""
        return Mission(self.load(MissionConfig, "mission"))

    def decision(self) -> Decision:
        """A decision core with its driver, as its node starts with it.

        Raises:
            PolicyError: the policy is refused.
        """
        config = replace(self.load(DecisionConfig, "decision"), driver=self.driver)
        planner = Planner(self.load(PlannerConfig, "decision"))
        if self.driver == "fallback":
            return Decision(config, None, planner)
        policy = load_policy(self.policy or share_directory() / "models" / "default")
        return Decision(config, policy, planner)

    def safety_monitor(self) -> SafetyMonitor:
        """A monitor core, as its node starts with it."""
        return SafetyMonitor(self.load(MonitorConfig, "safety_monitor"))

    def gated_goals(self) -> GatedGoals | None:
        """The gate and those who ask it, None where nobody does.

        Raises:
            ParameterError: the gate's policy is refused.
        """
        if self.gate is None:
            return None
        # The engine of its policy is heavy: only where it is asked for.
        from scenario_eval.lockstep_gate import GatedGoals, gate_of

        directory, site = self.gate, self.gate_site
        return GatedGoals(lambda: gate_of(directory, site))
