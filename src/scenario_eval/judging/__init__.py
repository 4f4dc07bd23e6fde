"""Judging a campaign against another: pairs of runs, the gate, comparisons."""
