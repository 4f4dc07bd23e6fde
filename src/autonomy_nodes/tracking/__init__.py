"""Bodies that move, from the scans alone."""
