"""What the simulator is measured by: speed, fidelity, scaling, determinism, worlds."""
