package config

import "time"

// Limit is how many messages are taken in any span of time.
type Limit struct {
	// By is recipient, key or hook.
	By    string
	Count int
	Per   time.Duration
	// Lanes are those that count, all without any.
	Lanes []string
}

// defaultLimits keep somebody who asks for codes in another's name from sending many.
func defaultLimits() []Limit {
	return []Limit{
		{By: "recipient", Count: 5, Per: 10 * time.Minute, Lanes: []string{"otp"}},
		{By: "recipient", Count: 20, Per: 24 * time.Hour, Lanes: []string{"otp"}},
	}
}

// messageLimits reads how many messages are taken.
func (c *checker) messageLimits() {
	list, item := c.at("limits"), c.root.child("limits").item
	if list.isNothing() {
		c.config.Limits = defaultLimits()
		return
	}
	for i, n := range list.list() {
		if n.kind != mapNode {
			continue
		}
		c.requireKeys(item.children, n, indexPath("limits", i))
		limit := Limit{By: textOr(n.get("by"), ""), Count: int(valueOr(item, n, "count", int64(1))), Per: valueOr(item, n, "per", time.Duration(0))}
		for _, lane := range n.get("lanes").list() {
			limit.Lanes = append(limit.Lanes, lane.text)
		}
		c.config.Limits = append(c.config.Limits, limit)
	}
}
