package courier_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"courier"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite docs/errors.md")
	m.Run()
}

// TestGenerated_Errors wants an explanation of every class and code, and docs/errors.md
// to be made of them.
func TestGenerated_Errors(t *testing.T) {
	t.Parallel()
	const path = "docs/errors.md"
	var page strings.Builder
	page.WriteString(errorsHead)
	for _, scope := range []struct {
		scope courier.Scope
		text  string
	}{
		{courier.ScopeMessage, "\n### About the message\n\nThis recipient or text is refused for good and the message ends as `rejected`; no other\nmessage is concerned.\n"},
		{courier.ScopeGateway, "\n### About the gateway\n\nThe account, its settings or the gateway is at fault, so every message would meet the\nsame. Messages wait, or go to the next gateway of their route, and spend no tries.\n"},
		{courier.ScopeMoment, "\n### About the moment\n\nIt may pass: the message is tried again with growing waits. With `throttled` that\nspends no tries.\n"},
	} {
		page.WriteString(scope.text + "\n| class | meaning | next step |\n|---|---|---|\n")
		for _, class := range courier.Classes() {
			if _, of := class.Verdict(); of == scope.scope {
				writeExplanation(t, &page, "`"+string(class)+"`", class.Explain())
			}
		}
	}
	page.WriteString("\n## Codes of the HTTP API\n\nThe field `code` of a problem document.\n\n| code | status | meaning | next step |\n|---|---|---|---|\n")
	for _, code := range courier.ErrorCodes() {
		writeExplanation(t, &page, fmt.Sprintf("`%s` | %d", code, code.HTTPStatus()), code.Explain())
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(path, []byte(page.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if committed, err := os.ReadFile(path); err != nil || string(committed) != page.String() {
		t.Errorf("%s is not current (%v); run make docs", path, err)
	}
}

const errorsHead = `# What went wrong, and what to do

<!-- Made by a test from explain.go; run make docs. -->

## Classes of faults

Gateways name their faults in hundreds of ways; the courier sorts them into these
classes. One stands with each attempt that failed, with each receipt that brings bad
news, and in ` + "`last_error`" + ` of a message, together with the gateway's own code. The API
gives meaning and next step as ` + "`advice`" + `.
`

func writeExplanation(t *testing.T, page *strings.Builder, name string, e courier.Explanation) {
	t.Helper()
	for _, text := range []string{e.Meaning, e.Next} {
		if !strings.HasSuffix(text, ".") || strings.Contains(text, "|") {
			t.Errorf("%s: %q is no sentence for a table", name, text)
		}
	}
	if e.String() != e.Meaning+" "+e.Next {
		t.Errorf("%s: %q", name, e)
	}
	fmt.Fprintf(page, "| %s | %s | %s |\n", name, e.Meaning, e.Next)
}

func TestExplain_MadeUp(t *testing.T) {
	t.Parallel()
	if got := courier.Class("made up").Explain().String() + courier.ErrorCode("made up").Explain().String(); got != "" {
		t.Errorf("got %q", got)
	}
}
