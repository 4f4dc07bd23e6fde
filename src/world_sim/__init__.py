"""Plays a Gazebo world (SDF) without Gazebo: physics by MuJoCo, sensors, faults."""
