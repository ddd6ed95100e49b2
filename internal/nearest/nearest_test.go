package nearest

import "testing"

func TestName(t *testing.T) {
	t.Parallel()
	keys := []string{"url", "method", "body", "headers", "header", "auth", "message_retries", "basic_auth"}
	for word, want := range map[string]string{
		"urll": "url", "hedaers": "headers", "Method": "method", "mehtod": "method", "retries": "message_retries",
		"basic": "basic_auth", "bodytemplate": "body", "timeout": "", "x": "", "": "", "zzz": "", "messageretries": "message_retries",
	} {
		if got := Name(word, keys); got != want {
			t.Errorf("Name(%q) = %q, want %q", word, got, want)
		}
	}
}

// TestSpelling leaves out what is no misspelling.
func TestSpelling(t *testing.T) {
	t.Parallel()
	names := []string{"to", "recipient", "strReplace", "login_code"}
	for word, want := range map[string]string{
		"To": "to", "recipent": "recipient", "strreplace": "strReplace", "code": "", "replace": "strReplace", "login_cod": "login_code",
	} {
		if got := Spelling(word, names); got != want {
			t.Errorf("Spelling(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]int{
		{"", ""}: 0, {"a", ""}: 1, {"", "ab"}: 2, {"ab", "ba"}: 1, {"stroe", "store"}: 1, {"kitten", "sitting"}: 3, {"é", "e"}: 1, {"abc", "abc"}: 0,
	} {
		if got := distance(pair[0], pair[1]); got != want {
			t.Errorf("distance(%q, %q) = %d, want %d", pair[0], pair[1], got, want)
		}
	}
}
