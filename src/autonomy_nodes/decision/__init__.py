"""The policy contract, inference, and the choice of who drives."""
