package app

import (
	"slices"
	"testing"

	"courier/internal/config"
)

// TestChangedSections names what somebody changed in a file, as the file does.
func TestChangedSections(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		change func(cfg *config.Config)
		want   []string
	}{
		{func(*config.Config) {}, nil},
		{func(cfg *config.Config) { cfg.Warnings = []config.Problem{{Message: "x"}} }, nil},
		{func(cfg *config.Config) { cfg.Messages.MaxSegments++ }, []string{"messages"}},
		{func(cfg *config.Config) { cfg.PresetsDir = "presets" }, []string{"presets_dir"}},
		{func(cfg *config.Config) { cfg.Routes = []config.Route{{Name: "a"}} }, []string{"routes"}},
		{func(cfg *config.Config) { cfg.Limits, cfg.Inbox.Port = []config.Limit{{}}, 1 }, []string{"inbox", "limits"}},
	} {
		after := &config.Config{}
		test.change(after)
		if got := changedSections(&config.Config{}, after); !slices.Equal(got, test.want) {
			t.Errorf("changed %q, want %q", got, test.want)
		}
	}
}
