"""Scenarios: what is played, and what is expected of it, as files that people write."""
