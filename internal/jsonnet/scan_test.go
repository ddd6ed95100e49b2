package jsonnet

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzDecodeFields compares what a plan decodes with the whole document.
func FuzzDecodeFields(f *testing.F) {
	for _, document := range []string{
		exampleContext, `{}`, ` {"a" : 1 } `, `{"a":1,"a":"\u00e9"}`, `{"\u0061":1}`, `{"a":[1,{"b":null}],"c":-0.5e+7}`, `[]`, `{`, `{"a":01}`,
		"{\"a\":\"\x00\"}", "{\"a\":\"\xff\",\"\xff\":1}", `{"a":1}x`, "{\"a\":1}\x00", `{"a":tru}`, `{"a":"\ud800"}`, `{"a":"\u12"}`, `{"a":1,}`, `{"a":-}`, `{"a":1.}`, `{"a":1e}`,
	} {
		f.Add(document, "a")
	}
	f.Fuzz(func(t *testing.T, document, name string) {
		whole, err := decodeDocument([]byte(document))
		got, gotErr := decodeFields([]byte(document), []string{name, "b"})
		if (err == nil) != (gotErr == nil) {
			t.Fatalf("decodeFields(%q) fails with %v, the decoder with %v", document, gotErr, err)
		}
		object, ok := whole.(map[string]any)
		if !ok {
			return
		}
		fields, _ := got.(map[string]any)
		for _, asked := range []string{name, "b"} {
			want, there := object[asked]
			value, found := fields[asked]
			if diff := cmp.Diff(want, value); there != found || diff != "" {
				t.Fatalf("field %q of %q is there: %v, %v; %s", asked, document, there, found, diff)
			}
		}
	})
}

// TestDecodeFields_LeavesTheRest checks that the fields nobody asked for are not
// decoded, which is what the scanner is for.
func TestDecodeFields_LeavesTheRest(t *testing.T) {
	t.Parallel()
	got, err := decodeFields([]byte(exampleContext), []string{"to"})
	if err != nil {
		t.Fatal(err)
	}
	fields, _ := got.(map[string]any)
	if keys := slices.Collect(maps.Keys(fields)); !slices.Equal(keys, []string{"to"}) {
		t.Errorf("the fields %v were decoded, want to alone", keys)
	}
}
