"""Plays scenarios, each run isolated, and judges what was recorded."""
