"""The classical planner: global search over the costmap and local trajectory choice."""
