package config

import (
	"strings"
	"testing"
	"time"
)

func TestRetention(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]struct {
		retention        Retention
		problem, warning string
	}{
		"":                                    {retention: Retention{day, 30 * day}},
		"scrub_after: 0s, delete_after: 0s":   {},
		"scrub_after: 1m":                     {retention: Retention{time.Minute, 30 * day}},
		"scrub_after: 0s, delete_after: 24h":  {retention: Retention{0, day}},
		"scrub_after: 48h, delete_after: 48h": {retention: Retention{2 * day, 2 * day}},
		"scrub_after: 48h, delete_after: 24h": {retention: Retention{2 * day, day}, warning: "deleted before retention.scrub_after"},
		"scrub_after: 1m, delete_after: 59m":  {retention: Retention{time.Minute, 59 * time.Minute}, warning: "give at least 1h"},
		"scrub_after: -1h":                    {problem: "expected a duration from 0s to 87600h"},
		"delete_after: 100000h":               {problem: "expected a duration from 0s to 87600h"},
		"delete_after: 30d":                   {problem: "expected a duration"},
		"scrub_after: 0":                      {problem: `add the unit, as in "0s"`},
		"scrub_after: never":                  {problem: "expected a duration"},
		"scrubb_after: 1h":                    {problem: `did you mean "scrub_after"?`},
	} {
		cfg, err := Load(Options{Files: []string{"c.yaml"}, Dir: write(t, map[string]string{"c.yaml": "retention: { " + text + " }"})})
		if want.problem != "" {
			if err == nil || !strings.Contains(err.Error(), want.problem) {
				t.Errorf("%s: want %q, got %v", text, want.problem, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		warned := len(cfg.Warnings) == 1 && strings.Contains(cfg.Warnings[0].Message, want.warning)
		if cfg.Retention != want.retention || (want.warning == "") != (len(cfg.Warnings) == 0) || want.warning != "" && !warned {
			t.Errorf("%s: got %+v and %v", text, cfg.Retention, cfg.Warnings)
		}
	}
}
