# How an answer is put together: every rule that has something to say about a request adds a risk
# (a tier and a reason), the highest tier decides, and what no rule knows is denied.
#
# input:  {"action", "who", "safety_state", "audited", "parameters": {...}}
# answer: {"outcome": allow | deny | escalate, "tier", "reason", "timeout_s"}
package gate

import rego.v1

default decision := {
	"outcome": "deny",
	"tier": "forbidden",
	"reason": "no rule allows it",
	"timeout_s": 0,
}

decision := {
	"outcome": data.site.tiers[highest].answer,
	"tier": highest,
	"reason": concat("; ", reasons),
	"timeout_s": object.get(data.site.tiers[highest], "timeout_s", 0),
}

highest := risk.tier if {
	some risk in risks
	every other in risks {
		data.site.tiers[other.tier].rank <= data.site.tiers[risk.tier].rank
	}
}

reasons contains risk.reason if {
	some risk in risks
	risk.tier == highest
}

# A tier that the site does not define would otherwise drop out of the comparison.
risks contains {"tier": "forbidden", "reason": sprintf("tier %v is not defined", [risk.tier])} if {
	some risk in stated_risks
	not data.site.tiers[risk.tier]
}

risks contains risk if {
	some risk in stated_risks
	data.site.tiers[risk.tier]
}

# Who may answer for an escalated request. input: {"who", "tier", "requester"}
default may_approve := false

may_approve if {
	input.who != input.requester
	input.who in data.site.tiers[input.tier].approvers
}
