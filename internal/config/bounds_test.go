package config

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestLoad_Bounds reads files that are made to cost much.
func TestLoad_Bounds(t *testing.T) {
	t.Parallel()
	const half = maxFileSize / 2
	for name, c := range map[string]struct{ file, text, problem string }{
		"FlowLists":    {"c.yaml", strings.Repeat("[", half), "nested more than 64 deep"},
		"FlowMaps":     {"c.yaml", strings.Repeat("{a: ", half/4), "nested more than 64 deep"},
		"BlockLists":   {"c.yaml", strings.Repeat("- ", half/2), "nested more than 64 deep"},
		"BlockKeys":    {"c.yaml", strings.Repeat("? ", half/2), "nested more than 64 deep"},
		"Indents":      {"c.yaml", indents(500), "nested more than 64 deep"},
		"Tags":         {"c.yaml", "a: " + strings.Repeat("!!str ", half/6), "malformed"},
		"Anchors":      {"c.yaml", "a: " + strings.Repeat("&a ", half/3), "malformed"},
		"JSONLists":    {"c.json", strings.Repeat("[", half), "nested more than 64 deep"},
		"JSONMaps":     {"c.json", strings.Repeat(`{"a":`, half/5), "nested more than 64 deep"},
		"TOMLLists":    {"c.toml", "a = " + strings.Repeat("[", half), "malformed"},
		"TOMLDots":     {"c.toml", strings.Repeat("a.", half/2) + "a = 1", "nested more than 64 deep"},
		"JSONManyKeys": {"c.json", "{" + manyKeys(`"x-%": 1,`, 1, 2000) + `"x-": 1}`, "more than 1000 keys in one map"},
		"TOMLManyKeys": {"c.toml", manyKeys("x-% = 1\n", 1, 2000), "more than 1000 keys in one map"},
		"JSONValues":   {"c.json", `{"x-": [` + strings.Repeat("1,", maxNodes) + `1]}`, "more than 100000 values"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			started := time.Now()
			_, err := Load(Options{Files: []string{c.file}, Dir: write(t, map[string]string{c.file: c.text})})
			if err == nil || !strings.Contains(err.Error(), c.problem) || len(err.Error()) > 100_000 {
				t.Errorf("want %q, got %.300v", c.problem, err)
			}
			if took := time.Since(started); took > 30*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func indents(depth int) string {
	var text strings.Builder
	for i := range depth {
		text.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return text.String()
}

func manyKeys(pattern string, from, to int) string {
	var text strings.Builder
	for i := from; i <= to; i++ {
		text.WriteString(strings.ReplaceAll(pattern, "%", strconv.Itoa(i)))
	}
	return text.String()
}

func TestJoinPath_QuotesOddKeys(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"a": "p.a", "X-Key": "p.X-Key", "": `p.""`, "a.b": `p."a.b"`, "\x1b[31m": `p."�[31m"`, "a\nb": `p."a�b"`,
	} {
		if got := joinPath("p", key); got != want {
			t.Errorf("joinPath(%q) = %s, want %s", key, got, want)
		}
	}
}
