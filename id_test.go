package courier_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"courier"
)

const idText = "0190163d-8694-739b-aea5-966c26f8ad91"

func TestParseID(t *testing.T) {
	t.Parallel()
	id, err := courier.ParseID(strings.ToUpper(idText))
	if err != nil || id.String() != idText || id.IsZero() {
		t.Errorf("ParseID = %v, %v", id, err)
	}
	if id[0] != 0x01 || id[15] != 0x91 {
		t.Errorf("bytes are %x", id[:])
	}
	for _, text := range []string{
		"", "0190163d8694739baea5966c26f8ad91", idText + "0", idText[:35], "{" + idText + "}", "urn:uuid:" + idText,
		strings.Replace(idText, "-", "_", 1), strings.Replace(idText, "9", "g", 1),
		"0190163d-8694-739b-aea5-966c26f8ad9é", strings.Repeat("-", 36), " " + idText[:35],
	} {
		if got, err := courier.ParseID(text); !errors.Is(err, courier.ErrInvalidID) || !got.IsZero() {
			t.Errorf("ParseID(%q) = %v, %v", text, got, err)
		}
	}
}

func TestID_JSON(t *testing.T) {
	t.Parallel()
	var got struct {
		ID courier.ID `json:"id"`
	}
	in := `{"id":"` + idText + `"}`
	if err := json.Unmarshal([]byte(in), &got); err != nil {
		t.Fatal(err)
	}
	if out, err := json.Marshal(got); err != nil || string(out) != in {
		t.Errorf("Marshal = %s, %v", out, err)
	}
	before := got.ID
	if err := got.ID.UnmarshalText([]byte("nonsense")); !errors.Is(err, courier.ErrInvalidID) || got.ID != before {
		t.Errorf("UnmarshalText = %v and left %v", err, got.ID)
	}
}

func FuzzParseID(f *testing.F) {
	for _, seed := range []string{idText, "", strings.ToUpper(idText), idText + "\n", strings.Repeat("0", 36)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := courier.ParseID(text)
		if err != nil {
			if !errors.Is(err, courier.ErrInvalidID) || !id.IsZero() {
				t.Fatalf("ParseID(%q) = %v, %v", text, id, err)
			}
			return
		}
		if id.String() != strings.ToLower(text) {
			t.Fatalf("ParseID(%q).String() = %s", text, id)
		}
	})
}

func FuzzID_String(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var id courier.ID
		copy(id[:], raw)
		if again, err := courier.ParseID(id.String()); err != nil || again != id {
			t.Fatalf("ParseID(%s) = %v, %v", id, again, err)
		}
	})
}
