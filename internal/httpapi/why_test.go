package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"courier"
)

func TestAPI_Why(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	ask := func(to string) (int, string) {
		w := f.call(t, "POST", "/v1/recipients/why", `{"to":"`+to+`"}`)
		return w.Code, w.Body.String()
	}
	if code, body := ask("+12065550199"); code != http.StatusOK || !strings.Contains(body, `"text":"No message to this number is known.`) || !strings.Contains(body, `"messages":[]`) {
		t.Errorf("got %d %s", code, body)
	}
	m := f.send(t)
	if code, body := ask("+12065550199"); code != http.StatusOK || !strings.Contains(body, `"text":"The last message was accepted 0s ago. It waits`) || strings.Count(body, m.String()) != 1 {
		t.Errorf("got %d %s", code, body)
	}
	wantProblem(t, f.call(t, "POST", "/v1/recipients/why", `{"to":"1"}`), courier.CodeInvalidRecipient, "body.to", "")
}
