"""What people answer for: mission-level actions decided by policy, and the log of it all."""
