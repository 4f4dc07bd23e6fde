"""Evidence before the robot moves: lockstep execution, benchmarks, scenarios, reports."""
