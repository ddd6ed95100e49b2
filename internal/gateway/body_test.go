package gateway

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"courier/internal/jsonnet"
)

// decoded reads a JSON value.
func decoded(tb testing.TB, text string) any {
	tb.Helper()
	value, err := jsonnet.Decode([]byte(text))
	if err != nil {
		tb.Fatalf("decode %q: %v", text, err)
	}
	return value
}

// TestEncodeJSON fixes that a body means what the template gave, character by character.
func TestEncodeJSON(t *testing.T) {
	t.Parallel()
	for result, want := range map[string]string{
		`{"z":[1,null,true],"a":{"b":"<&>'\n\"\u00e9"}}`: `{"a":{"b":"<&>'\n\"é"},"z":[1,null,true]}`,
		`"text"`: `"text"`, `null`: `null`, `12065550100`: `12065550100`, `-0.1`: `-0.1`, `{"a":{}}`: `{"a":{}}`, `[]`: `[]`,
	} {
		if body, misfit := encodeBody(bodyJSON, decoded(t, result)); string(body) != want || misfit != "" {
			t.Errorf("encodeBody(%s) = %s, %q; want %s", result, body, misfit, want)
		}
	}
}

func TestEncodeForm(t *testing.T) {
	t.Parallel()
	for result, want := range map[string]string{
		`{"z":"1","a":"x y+z","":"e"}`:             "=e&a=x+y%2Bz&z=1",
		`{"n":5,"f":1.50,"e":1e+20,"neg":-0}`:      "e=100000000000000000000&f=1.5&n=5&neg=-0",
		`{"number":12065550100,"tenth":0.1}`:       "number=12065550100&tenth=0.1",
		`{"t":true,"f":false,"x":null}`:            "f=false&t=true&x=",
		`{"to":["a","b",3,false,null],"none":[]}`:  "to=a&to=b&to=3&to=false&to=",
		` { "s" : "\u00e9\ud83d\ude00\u0000\n" } `: "s=%C3%A9%F0%9F%98%80%00%0A",
	} {
		got, misfit := encodeForm(decoded(t, result))
		if misfit != "" || string(got) != want {
			t.Errorf("encodeForm(%s) = %q, %q; want %q", result, got, misfit, want)
		}
	}
}

func TestEncodeForm_Faults(t *testing.T) {
	t.Parallel()
	for result, says := range map[string]string{
		`{"O":{"a":"b"}}`:   `form field "O" is an object`,
		`{"L":["a",["b"]]}`: `form field "L[1]" is an array`,
		`{"L":[{"a":1}]}`:   `form field "L[0]" is an object`,
		`{}`:                "without any field",
		`{"to":[],"x":[]}`:  "without any field",
		`["a"]`:             "gave an array: a form needs an object",
		`"text"`:            "gave a string: a form needs an object",
		`7`:                 "gave a number",
		`null`:              "gave null",
	} {
		if _, misfit := encodeForm(decoded(t, result)); !strings.Contains(misfit, says) {
			t.Errorf("encodeForm(%s): %q, want %q", result, misfit, says)
		}
	}
}

func FuzzEncodeForm(f *testing.F) {
	f.Add([]byte(`{"To":"+1","n":[1,true,null,"x"]}`))
	f.Add([]byte(`{"O":{"a":1}}`))
	f.Add([]byte("{\"\xff\":\"\\ud800\"}"))
	f.Fuzz(func(t *testing.T, result []byte) {
		value, err := jsonnet.Decode(result)
		encoded, misfit := encodeForm(value)
		if err != nil || misfit != "" {
			return
		}
		values, err := url.ParseQuery(string(encoded))
		if err != nil {
			t.Fatalf("form %q of %q cannot be read: %v", encoded, result, err)
		}
		var fields map[string]any
		if err := json.Unmarshal(result, &fields); err != nil {
			t.Fatalf("form %q was made of %q, which is not JSON", encoded, result)
		}
		for key, field := range fields {
			if text, ok := field.(string); ok && values.Get(key) != text {
				t.Errorf("field %q is %q in the form, want %q", key, values.Get(key), text)
			}
		}
	})
}
