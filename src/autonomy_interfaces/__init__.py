"""What the packages share: message data, geometry, parameters, ROS conversions. No behaviour."""
