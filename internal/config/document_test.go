package config

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGenerated_Reference(t *testing.T) {
	t.Parallel()
	reference := referenceText()
	golden(t, filepath.Join("..", "..", "docs", "config.md"), reference)
	for _, path := range tablePaths(rootSpec(), "") {
		if !strings.Contains(reference, "`"+path+"`") && strings.Contains(path, ".") {
			t.Errorf("%s is not in the reference", path)
		}
	}
}

func TestGenerated_Schema(t *testing.T) {
	t.Parallel()
	schema, err := schemaText()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("..", "..", "docs", "config.schema.json"), string(schema))
	var parsed map[string]any
	if err := json.Unmarshal(schema, &parsed); err != nil {
		t.Fatal(err)
	}
	properties, ok := parsed["properties"].(map[string]any)
	if !ok || parsed["additionalProperties"] != false {
		t.Fatal("the top level is not closed")
	}
	for _, name := range append(rootSpec().childNames(), kratosSections()...) {
		if properties[name] == nil {
			t.Errorf("%s is not in the schema", name)
		}
	}
}

func TestStarter_IsValid(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, Starter())
	if !cfg.SMSEnabled() || len(cfg.Warnings) != 0 {
		t.Errorf("gateways %v, warnings %v", cfg.Gateways, cfg.Warnings)
	}
	seen := map[string]bool{}
	for line := range strings.SplitSeq(Starter(), "\n") {
		for _, key := range regexp.MustCompile(`([a-z_]+):( |$)`).FindAllStringSubmatch(line, -1) {
			seen[key[1]] = true
		}
	}
	// Keys of older versions of Kratos, such as change nothing, and what few need.
	old := regexp.MustCompile(`^courier\.(worker|sms\.(enabled|request_config)|gateways\[\]|routes\[\]|templates\.)|^hooks\[\]|\.header$|\.query$|^log\.(leak|redaction)`)
	rootSpec().walk("", func(path string, s *spec) {
		if s.kind != anySpec && !old.MatchString(path) && !seen[s.name] {
			t.Errorf("%s is not in the starter file", path)
		}
	})
	defaults, err := Load(Options{})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Gateways = nil
	if diff := cmp.Diff(defaults, cfg, options()...); diff != "" {
		t.Errorf("the starter file has other values than the defaults: %s", diff)
	}
}

// TestStarter_ExamplesAreValid puts every commented example of the starter file
// in force, one after the other.
func TestStarter_ExamplesAreValid(t *testing.T) {
	t.Parallel()
	example := regexp.MustCompile(`(?m)^( +)# ([a-z_]+:( .+)?|- \{.+)$`)
	starter := Starter()
	places := example.FindAllStringSubmatchIndex(starter, -1)
	if len(places) < 8 {
		t.Fatalf("found %d examples", len(places))
	}
	for _, p := range places {
		text := starter[:p[3]] + starter[p[4]:]
		if strings.HasPrefix(starter[p[4]:], "- {") { // an element, whose list is the line before
			before := strings.LastIndex(starter[:p[2]], "# ")
			text = starter[:before] + starter[before+2:p[3]] + starter[p[4]:]
		}
		if strings.HasSuffix(starter[p[4]:p[5]], ":") {
			continue // with the element that follows
		}
		cfg, err := Load(Options{
			Files: []string{"c.yaml"}, Dir: write(t, map[string]string{"c.yaml": text}),
			Environ: []string{"SMS_PASSWORD=x", "SMS_API_KEY=x", "OTLP_AUTHORIZATION=x"},
		})
		if err != nil || len(cfg.Warnings) != 0 {
			t.Errorf("%s: %v", starter[p[4]:p[5]], err)
		}
	}
}

// TestSpec_Table checks the table itself: defaults and examples are values that
// the check takes, patterns match them, and every key is described.
func TestSpec_Table(t *testing.T) {
	t.Parallel()
	rootSpec().walk("", func(path string, s *spec) {
		if s.doc == "" || !strings.HasSuffix(s.doc, ".") && !strings.HasSuffix(s.doc, "sha256sum") {
			t.Errorf("%s is described as %q", path, s.doc)
		}
		for _, written := range []string{s.def, s.example} {
			if written == "" || s.kind == listSpec || s.kind == headerSpec || s.kind == paramsSpec {
				continue
			}
			written = strings.Trim(written, `"`)
			if _, err := readScalar(s, fromText(s, written, Position{})); err != nil {
				t.Errorf("%s: %s: %v", path, written, err)
			}
			if s.pattern != "" && !regexp.MustCompile(s.pattern).MatchString(written) {
				t.Errorf("%s: %s does not match the pattern", path, written)
			}
		}
		if s.def != "" && s.field == nil && path != "log.leak_sensitive_values" && s.kind != listSpec && path != "courier.channels[].type" && !strings.HasPrefix(path, "webhooks[]") {
			t.Errorf("%s has a default that goes nowhere", path)
		}
	})
}

func tablePaths(s *spec, path string) []string {
	var paths []string
	s.walk(path, func(path string, _ *spec) { paths = append(paths, path) })
	return paths
}
