"""Behaviour cloning: fit the network to the expert's answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policy_training.blueprint import CLOSE_VX, CLOSE_WZ, input_specs
from policy_training.config import Network, TrainingConfig
from policy_training.dataset import Dataset, concatenate
from policy_training.network import PolicyNetwork

LABEL_SCALE = (0.5, 1.0)
"""Errors of (m/s, rad/s) that weigh the same."""
CONFIDENCE_DECAY = 1e-2


@dataclass(frozen=True)
class FitResult:
    """A fitted network and its errors on the validation ticks: root mean squares."""

    network: PolicyNetwork
    vx_rmse: float
    wz_rmse: float


def normalised(dataset: Dataset, config: TrainingConfig) -> tuple[NDArray[np.float32], ...]:
    """The input tensors of every tick, as the encoder would normalise them."""
    tensors = []
    for spec in input_specs(config.network):
        offset, scale = np.asarray(spec.offset, np.float32), np.asarray(spec.scale, np.float32)
        tensors.append(((getattr(dataset, spec.tensor) - offset) / scale).astype(np.float32))
    return tuple(tensors)


def fit(
    train: Dataset,
    validation: Dataset,
    config: TrainingConfig,
    progress: Callable[[str], None],
    epochs: int | None = None,
) -> FitResult:
    """Fit a new network; the last epoch's is kept, the learning rate having decayed to zero.

    Args:
        train: ticks to fit to.
        validation: ticks to measure on, and to fit the confidence to.
        config: the run.
        progress: takes one line per epoch.
        epochs: passes instead of the configuration's.
    """
    epochs = epochs or config.optimisation.epochs
    torch.manual_seed(config.seed)
    # One thread: sums in one order, so that the number of workers does not change the weights.
    torch.set_num_threads(1)
    if config.optimisation.mirror:
        train = concatenate([train, train.mirrored()])
    inputs = tuple(torch.from_numpy(array) for array in normalised(train, config))
    label = torch.from_numpy(train.label)
    network = PolicyNetwork(config.network)
    optimiser = torch.optim.AdamW(
        network.parameters(),
        lr=config.optimisation.learning_rate,
        weight_decay=config.optimisation.weight_decay,
    )
    batches = max(1, len(label) // config.optimisation.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        max_lr=config.optimisation.learning_rate,
        total_steps=batches * epochs,
    )
    shuffle = torch.Generator().manual_seed(config.seed)
    for epoch in range(epochs):
        order = torch.randperm(len(label), generator=shuffle)
        total = 0.0
        for rows in torch.chunk(order, batches)[:batches]:
            optimiser.zero_grad(set_to_none=True)
            loss = _loss(network(*(tensor[rows] for tensor in inputs)), label[rows])
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        progress(f"epoch {epoch + 1}/{epochs}: loss {total / batches:.4f}")
    vx_rmse, wz_rmse = errors(network, validation, config)
    fit_confidence(network, validation, config)
    return FitResult(network, vx_rmse, wz_rmse)


def save_fit(result: FitResult, file: Path) -> None:
    """Write the network's weights and the errors."""
    errors = {"vx_rmse": result.vx_rmse, "wz_rmse": result.wz_rmse}
    torch.save({"weights": result.network.state_dict(), **errors}, file)


def load_fit(file: Path, network: Network) -> FitResult:
    """Read what `save_fit` wrote."""
    stored = torch.load(file, weights_only=True)
    fitted = PolicyNetwork(network)
    fitted.load_state_dict(stored["weights"])
    return FitResult(fitted, stored["vx_rmse"], stored["wz_rmse"])


def fit_confidence(network: PolicyNetwork, held_out: Dataset, config: TrainingConfig) -> None:
    """Fit the confidence head, a logistic regression, on ticks that the rest was not fitted to.

    On its own training ticks the network would look better than it is.
    """
    inputs = (torch.from_numpy(array) for array in normalised(held_out, config))
    with torch.no_grad():
        hidden = network.encode(*inputs)
        close = torch.from_numpy(is_close(network.answer(hidden).numpy(), held_out.label))
    spread = hidden.std(dim=0) + 1e-3
    optimiser = torch.optim.LBFGS(network.confidence.parameters(), max_iter=60)
    torch.nn.init.zeros_(network.confidence.weight)
    torch.nn.init.zeros_(network.confidence.bias)

    def loss() -> Tensor:
        optimiser.zero_grad()
        logits = network.confidence(hidden)[:, 0]
        penalty = CONFIDENCE_DECAY * (network.confidence.weight * spread).square().sum()
        value = torch.nn.functional.binary_cross_entropy_with_logits(logits, close.float())
        total: Tensor = value + penalty
        total.backward()
        return total

    optimiser.step(loss)


def is_close(answer: NDArray[np.float32], label: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(T,) whether (T, 2) answers are right: close to the expert's (T, 2)."""
    within: NDArray[np.bool_] = np.all(np.abs(answer - label) <= (CLOSE_VX, CLOSE_WZ), axis=1)
    return within


def errors(network: PolicyNetwork, dataset: Dataset, config: TrainingConfig) -> tuple[float, float]:
    """Root mean square errors of (vx m/s, wz rad/s) on a dataset."""
    with torch.no_grad():
        answer = network(*(torch.from_numpy(a) for a in normalised(dataset, config))).numpy()
    vx, wz = np.sqrt(np.mean(np.square(answer - dataset.label), axis=0))
    return float(vx), float(wz)


def _loss(answer: Tensor, label: Tensor) -> Tensor:
    scale = torch.tensor(LABEL_SCALE)
    return torch.nn.functional.smooth_l1_loss(answer / scale, label / scale, beta=0.5)
