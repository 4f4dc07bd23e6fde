"""Recordings through the cores again, every output compared with what was recorded."""
