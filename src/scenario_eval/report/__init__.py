"""Pages and charts of runs and campaigns."""
