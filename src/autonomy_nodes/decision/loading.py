"""From what a parameter names to a policy that runs: finding, trust, checks, a bound in time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from autonomy_interfaces.share import share_directory
from autonomy_nodes.decision.contract import load_policy
from autonomy_nodes.decision.pointer import find_policy, read_pointers, refuse_withdrawn
from autonomy_nodes.decision.providers import CPU, Execution
from autonomy_nodes.decision.runtime import BoundedPolicy
from autonomy_nodes.decision.signature import Trust
from autonomy_nodes.decision.vetting import vet


@dataclass(frozen=True)
class PolicyLoader:
    """Loads policies as a node's parameters say.

    Attributes:
        models: the registry.
        trust: whose policies may drive.
        rate_hz: at which policies are asked.
        execution: what runs them.
        deadline_s: longest wait for an answer; 0 for the manifest's latency budget.
    """

    models: Path
    trust: Trust
    rate_hz: float
    execution: Execution = CPU
    deadline_s: float = 0.0

    def load(self, name: str) -> BoundedPolicy:
        """The policy that `name` stands for (`pointer.find_policy`), in a thread of its own.

        Its graph is checked in a child process; this one opens what passed, by its hash.

        Raises:
            PolicyError: there is none, it may not drive, or its version is withdrawn.
        """
        directory = find_policy(name, self.models)
        sha256 = vet(directory, self.trust, self.rate_hz).sha256
        policy = load_policy(directory, self.trust, self.rate_hz, self.execution, sha256)
        refuse_withdrawn(policy.manifest.reference, read_pointers(self.models))
        deadline_s = self.deadline_s or 1e-3 * policy.manifest.latency_budget_ms
        return BoundedPolicy(policy, deadline_s, self.execution.core)


def share_loader(
    models: str, trusted_keys: str, allow_unsigned: bool, rate_hz: float, execution: Execution
) -> PolicyLoader:
    """A loader whose empty paths stand for what is installed."""
    share = share_directory()
    keys = Path(trusted_keys) if trusted_keys else share / "config" / "trusted_keys"
    registry = Path(models) if models else share / "models"
    return PolicyLoader(registry, Trust(keys, allow_unsigned), rate_hz, execution)
