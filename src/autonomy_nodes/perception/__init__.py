"""Lidar and odometry to a rolling local costmap."""
