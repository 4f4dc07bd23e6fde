"""The demo: one run of the whole stack, watched, recorded and reported."""
