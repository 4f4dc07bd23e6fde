"""Judging a policy: the whole stack in unseen worlds, slices, calibration, worst cases."""
