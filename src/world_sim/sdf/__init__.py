"""SDF (Simulation Description Format) 1.4 to 1.11, read into frozen dataclasses."""
