"""Evidence about the safety monitor: containment, permissiveness, faults, fuzz."""
