# What is wrong with site.json. A policy whose site has defects is not loaded: a zone that is
# misspelt must not become a zone that is not there.
package gate

import rego.v1

defects contains sprintf("zone %v: needs a name, a defined tier and corners", [zone]) if {
	some zone in data.site.zones
	not zone_is_sound(zone)
}

defects contains sprintf("tier %v: needs a rank of its own and an answer", [name]) if {
	some name
	tier := data.site.tiers[name]
	not tier_is_sound(tier)
}

defects contains "tier forbidden: must be there, and deny" if {
	not data.site.tiers.forbidden.answer == "deny"
}

defects contains "frame, goal_radius, elsewhere, zones or degraded_limit is missing" if {
	not site_is_whole
}

defects contains "loop: needs repeats, window_s, distance_m and a tier that does not allow" if {
	not loop_is_sound
}

defects contains sprintf("limits of %v: need count and window_s", [action]) if {
	some action
	limit := data.site.limits[action]
	not limit_is_sound(limit)
}

defects contains "limits: '*' is missing" if not data.site.limits["*"]

loop_is_sound if {
	data.site.loop.repeats > 1
	data.site.loop.window_s > 0
	data.site.loop.distance_m > 0
	data.site.tiers[data.site.loop.tier].answer != "allow"
}

limit_is_sound(limit) if {
	limit.count > 0
	limit.window_s > 0
}

zone_is_sound(zone) if {
	is_string(zone.name)
	data.site.tiers[zone.tier]
	is_array(zone.polygon)
	count(zone.polygon) >= 3
	every corner in zone.polygon {
		count(corner) == 2
		is_number(corner[0])
		is_number(corner[1])
	}
	every edge in data.geometry.edges(zone.polygon) {
		edge[0] != edge[1]
	}
}

tier_is_sound(tier) if {
	tier.answer in {"allow", "deny"}
	rank_is_unique(tier)
}

tier_is_sound(tier) if {
	tier.answer == "escalate"
	tier.timeout_s > 0
	count(tier.approvers) > 0
	rank_is_unique(tier)
}

rank_is_unique(tier) if {
	is_number(tier.rank)
	count([other | some other in data.site.tiers; other.rank == tier.rank]) == 1
}

site_is_whole if {
	is_string(data.site.frame)
	data.site.goal_radius >= 0
	data.site.tiers[data.site.elsewhere]
	is_array(data.site.zones)
	is_number(data.site.degraded_limit)
}
