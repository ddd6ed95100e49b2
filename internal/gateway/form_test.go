package gateway

import (
	"encoding/json"
	"net/url"
	"testing"
)

func TestEncodeForm(t *testing.T) {
	t.Parallel()
	for result, want := range map[string]string{
		`{}`:                                       "",
		`{"z":"1","a":"x y+z","":"e"}`:             "=e&a=x+y%2Bz&z=1",
		`{"n":5,"f":1.50,"e":1e+20,"neg":-0}`:      "e=1e%2B20&f=1.50&n=5&neg=-0",
		`{"big":12345678901234567890123}`:          "big=12345678901234567890123",
		`{"t":true,"f":false,"x":null}`:            "f=false&t=true&x=",
		`{"to":["a","b",3,false,null],"none":[]}`:  "to=a&to=b&to=3&to=false&to=",
		` { "s" : "\u00e9\ud83d\ude00\u0000\n" } `: "s=%C3%A9%F0%9F%98%80%00%0A",
	} {
		got, err := encodeForm([]byte(result))
		if err != nil || string(got) != want {
			t.Errorf("encodeForm(%s) = %q, %v; want %q", result, got, err, want)
		}
	}
}

func TestEncodeForm_Faults(t *testing.T) {
	t.Parallel()
	for result, says := range map[string]string{
		`{"O":{"a":"b"}}`:     `form field "O" is an object`,
		`{"L":["a",["b"]]}`:   `form field "L[1]" is an array`,
		`{"L":[{"a":1}]}`:     `form field "L[0]" is an object`,
		`["a"]`:               "gave an array: a form needs an object",
		`"text"`:              "gave a string: a form needs an object",
		`7`:                   "gave a number",
		``:                    "gave nothing",
		`{"a":`:               "not JSON",
		`{"a":1}{"b":2}`:      "not JSON",
		`{"a":["x"],"b":[1,]`: "not JSON",
	} {
		_, err := encodeForm([]byte(result))
		wantText(t, err, says)
	}
}

func FuzzEncodeForm(f *testing.F) {
	f.Add([]byte(`{"To":"+1","n":[1,true,null,"x"]}`))
	f.Add([]byte(`{"O":{"a":1}}`))
	f.Add([]byte("{\"\xff\":\"\\ud800\"}"))
	f.Fuzz(func(t *testing.T, result []byte) {
		encoded, err := encodeForm(result)
		if err != nil {
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
