"""What thinks: perception, planning, decision and mission, each a core and a thin ROS node."""
