"""Goals in, progress and outcome out."""
