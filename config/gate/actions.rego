# What each mission-level action risks on this site (site.json).
package gate

import rego.v1

import data.geometry

parameters := input.parameters

# Whatever is asked: nothing is granted in an emergency, or when the monitor is not heard.
stated_risks contains {"tier": "forbidden", "reason": "the robot is in an emergency stop"} if {
	input.safety_state == "emergency_stop"
}

stated_risks contains {"tier": "forbidden", "reason": "the safety monitor is not heard"} if {
	input.safety_state == "unknown"
}

# What changes how the robot is guarded must leave a trace; driving on a low risk may go on.
stated_risks contains {"tier": "forbidden", "reason": "the audit log is not being written"} if {
	not input.audited
	not input.action in {"drive_to", "recover"}
}

# drive_to: x, y (metres), frame.
stated_risks contains {"tier": zone.tier, "reason": sprintf("the goal touches %v", [zone.name])} if {
	some zone in zones_touched
}

stated_risks contains {"tier": data.site.elsewhere, "reason": "the goal is in no zone"} if {
	goal_is_usable
	every zone in zones_touched {
		not geometry.inside(parameters.x, parameters.y, zone.polygon)
	}
}

stated_risks contains {"tier": "forbidden", "reason": "a goal needs x, y and the site's frame"} if {
	input.action == "drive_to"
	not goal_is_usable
}

goal_is_usable if {
	input.action == "drive_to"
	is_number(parameters.x)
	is_number(parameters.y)
	parameters.frame == data.site.frame
}

zones_touched contains zone if {
	goal_is_usable
	some zone in data.site.zones
	geometry.touches(parameters.x, parameters.y, data.site.goal_radius, zone.polygon)
}

# enter_area: zone.
stated_risks contains {"tier": zone.tier, "reason": sprintf("the area is %v", [zone.name])} if {
	input.action == "enter_area"
	some zone in data.site.zones
	zone.name == parameters.zone
}

# set_speed_tier: speed_tier. A robot that is degraded is not made faster.
stated_risks contains {"tier": speed.tier, "reason": sprintf("up to %v m/s", [speed.limit])} if {
	input.action == "set_speed_tier"
	speed := data.site.speed_tiers[parameters.speed_tier]
}

stated_risks contains {"tier": "forbidden", "reason": "the robot is degraded"} if {
	input.action == "set_speed_tier"
	input.safety_state == "degraded"
	data.site.speed_tiers[parameters.speed_tier].limit > data.site.degraded_limit
}

# switch_policy: sha256 of the ONNX file. Names can lie.
stated_risks contains {"tier": policy.tier, "reason": sprintf("policy %v", [policy.name])} if {
	input.action == "switch_policy"
	policy := data.site.policies[parameters.sha256]
}

stated_risks contains {"tier": "forbidden", "reason": "a policy of this sha256 is not registered"} if {
	input.action == "switch_policy"
	not data.site.policies[parameters.sha256]
}

# recover: behaviour.
stated_risks contains {"tier": tier, "reason": sprintf("recovery %v", [parameters.behaviour])} if {
	input.action == "recover"
	tier := data.site.recoveries[parameters.behaviour]
}
