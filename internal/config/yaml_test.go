package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// plain turns a node into what Kratos has of it: its files become JSON before
// they are used.
func plain(n *node) any {
	switch {
	case n == nil || n.kind == nullNode:
		return nil
	case n.kind == boolNode:
		return n.text == "true"
	case n.kind == intNode, n.kind == floatNode:
		var number float64
		if _, err := fmt.Sscan(n.text, &number); err != nil {
			return n.text
		}
		return number
	case n.kind == listNode:
		list := []any{}
		for _, item := range n.items {
			list = append(list, plain(item))
		}
		return list
	case n.kind == mapNode:
		m := map[string]any{}
		for _, e := range n.entries {
			m[e.key] = plain(e.value)
		}
		return m
	}
	return n.text
}

// sameAsKratos compares what a text means here with what it means to Kratos,
// which decodes it into a map.
func sameAsKratos(t *testing.T, text string) {
	t.Helper()
	s := &source{name: "c.yaml", data: []byte(text)}
	root := s.parse(".yaml")
	var decoded map[string]any
	err := yaml.Unmarshal([]byte(text), &decoded)
	if strings.TrimSpace(text) == "" || err != nil && strings.Contains(err.Error(), "into map[string]interface") || strings.Contains(fmt.Sprint(s.problems), "nested more than") {
		return // no map, or within the bounds of the library alone
	}
	if (err == nil) != (len(s.problems) == 0) {
		t.Errorf("%q: Kratos says %v, here %v", text, err, s.problems)
		return
	}
	if err != nil {
		return
	}
	encoded, err := json.Marshal(decoded)
	if err != nil {
		return // keys that are no texts, infinity
	}
	var want map[string]any
	if err := json.Unmarshal(encoded, &want); err != nil {
		t.Fatal(err)
	}
	got, _ := plain(root).(map[string]any)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%q means something else to Kratos (-): %s", text, diff)
	}
}

func TestYAML_MeansTheSameAsInKratos(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"a: 1\r\nb:\r\n  c: x\r\n  d: |\r\n    one\r\n    two\r\n", "a: 1\rb: 2\r", "a: >\r\n  one\r\n  two\r\n\r\n  three\r\n",
		"\xef\xbb\xbfa: 1\r\n", "a: x \t\nb: y\t# comment\n", "a:\tx\n", "a: {b: 1,\n\tc: 2}\n", "a: 'x\n  y'\nb: \"x\\\n  y\"\n", "a: x\n  y\n\n  z\n",
		"a: |\n  one\n   two\n\n  three\n\n\n", "a: |-\n  x\n\n", "a: |+\n  x\n\n", "a: >-\n  one\n  two\n\n  three\n   four\n  five\n", "a: |2\n   x\n",
		"a: yes\nb: no\nc: on\nd: off\ne: y\nf: True\ng: FALSE\nh: ~\ni: NULL\nj:\nk: ''\n", "yes: 1\non: 2\n",
		"a: 0123\nb: 0o17\nc: 0x1F\nd: 0b101\ne: 1_000\nf: 08\ng: +12065550110\nh: -7\ni: 1:30\n", "a: 1e3\nb: 1.5\nc: .5\nd: 1.\ne: 1e\nf: 0.1e-2\n",
		"a: 18446744073709551615\nb: 99999999999999999999\n", "a: 2010-04-01\nb: 2010-04-01T10:20:30Z\nc: '2010-04-01'\nd: 2010-4-1 1:2:3\n",
		"a: !!str 5\nb: !!int 5\nc: !!float 5\nd: !!str true\ne: !!binary aGk=\nf: !custom x\ng: ! 5\nh: !custom {x: 1}\n", "a: !!int x\n", "a: !!binary '*'\n",
		"x: &x {a: 1, b: 2}\ny: *x\nz: [*x, *x]\n", "x: &x 5\ny: *x\n", "x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3, c: 4}\n",
		"x: &x {a: 1}\ny: &y {a: 2, b: 2}\nz: {<<: [*x, *y], c: 3}\n", "x: &x {a: 1, c: {d: 1, e: 1}}\nz: {c: {d: 2}, <<: *x}\n", "x: &x {a: 1}\nz: {a: null, <<: *x}\n",
		"x: &x {a: 1}\nz: {<<: *x, <<: *x}\n", "z: {<<: 5}\n", "z: {<<: [5]}\n", "z: {<<: }\n", "z: {'<<': 5}\n", "x: &x {y: *x}\n", "a: *x\n", "x: &a 1\ny: &a 2\nz: *a\n",
		"a: 1\na: 2\n", "a: {b: 1, b: 2}\n", "a: 1\n'a': 2\n", "a: 1\n---\nb: 2\n", "---\na: 1\n...\n", "%YAML 1.1\n---\na: 1\n", "# nothing\n", "", "---\n", "a: 1\n...\ngarbage: [\n",
		"a: b: c\n", "a: 'x\n", "a: [1, 2\n", "a: @x\n", "a: `x`\n", "a: %x\n", "\ta: 1\n", "a: 1\n b: 2\n", "a:\n  b: 1\n c: 2\n", "a: x: y\n", "a: #x\n", "a: x#y\n", "a: x #y\n",
		"? a\n: 1\n", "? [a]\n: 1\n", "{a: 1, b}\n", "a: {$ID}\n", "a: {{ .X }}\n", "a: ${NAME}\n", "a: -\n", "a: - b\n", "a:\n- b\n- - c\n", "a: [,]\n", "a: [x,]\n",
		"\"a\\u00e9\\x41\\n\": \"\\/\\ud83d\"\n", "a: \x00\n", "a: \x1b\n", "a: \u0085b\n", "a: b\u2028c\n", "0x10: a\n1.0: b\n", "a: .inf\nb: -.INF\nc: .nan\n", "<<: {a: 1}\n", "a: &b\nc: 1\n",
	} {
		sameAsKratos(t, text)
	}
}

// TestYAML_Places wants the place of what is malformed, and nothing of the line.
func TestYAML_Places(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{ //nolint:gosec // G101: no credentials
		"courier:\n  channels:\n  - id: sms\n    request_config:\n      auth: { type: basic_auth, config: { user: u, password: *hunter2 } }\n": "c.yaml:5:62: courier.channels[0].request_config.auth.config.password: the value begins with *, which is an alias in YAML, and no anchor of that name is before it; put the value in quotes",
		"# password: *hunter2\nstore:\n  dsn: *hunter2 # too\nhost: 1\n":                                                                       "c.yaml:3:8: store.dsn: the value begins with *",
		"store:\n  dsn: @hunter2\n":                                             "c.yaml:2:8: the YAML is malformed: found character that cannot start any token; indent with blanks",
		"a: 1\nstore:\n  dsn: hunter2: x\n":                                     "c.yaml:3:15: the YAML is malformed: mapping values are not allowed in this context; put",
		"a: 1\nstore:\n  dsn: 'hunter2\n":                                       "c.yaml:3:8: the YAML is malformed: found unexpected end of stream",
		"a: 1\nb: 2\napi:\n  host: x\n port: hunter2\n":                         "c.yaml:5:2: the YAML is malformed: did not find expected key",
		"api:\n\thost: hunter2\n":                                               "c.yaml:2:1: the YAML is malformed: found character that cannot start any token",
		"api:\n  host: \"x\" hunter2\n":                                         "c.yaml:2:13: the YAML is malformed: did not find expected key",
		"api:\n  host: hunter2\x1b\n":                                           "c.yaml:2:16: the YAML is malformed: control characters are not allowed; remove the character",
		"x-a: 1\napi:\n  keys: [ { name: a, hash: ${hunter2} } ]\n":             "c.yaml:3:29: the YAML is malformed: did not find expected ',' or '}'; put a value that holds a brace in quotes, and write env://NAME instead of ${NAME}",
		"api: {\n  keys: [ { name: a,\n  hash: 'hunter2',\n  x y: [hunter2 }\n": "c.yaml:4:17: the YAML is malformed: did not find expected ',' or ']'; put a value that holds",
		"api: { keys: [ { name: \"a\", hash: {{hunter2}}x } ] }\n":              "c.yaml:1:46: the YAML is malformed: did not find expected ',' or '}'",
		"api: [\n":                        "c.yaml:1:7: the YAML is malformed: did not find expected node content",
		"store: { dsn: !!int hunter2 }\n": "c.yaml:1:15: store.dsn: the value does not fit its YAML tag",
		"api: { keys: [ { name: é, hash: *hunter2 } ] }\n": "c.yaml:1:33: api.keys[0].hash: the value begins with *",
	} {
		_, err := Load(Options{Files: []string{"c.yaml"}, Dir: write(t, map[string]string{"c.yaml": text})})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q:\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func FuzzYAML(f *testing.F) {
	addSeeds(f, "testdata/problems")
	f.Fuzz(func(t *testing.T, _ uint8, data []byte) {
		if len(data) < 1000 && strings.Count(string(data), "&") < 3 {
			sameAsKratos(t, string(data))
		}
	})
}
