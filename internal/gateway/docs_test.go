package gateway

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"courier"
	"courier/internal/jsonnet"
	"courier/internal/signature"
)

// TestDocuments_Gateways runs the examples of docs/gateways.md: a template, and after it the
// answers or reports that it is given, each with what comes of it.
func TestDocuments_Gateways(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/gateways.md")
	if err != nil {
		t.Fatal(err)
	}
	pool := newPool(t, jsonnet.Options{Timeout: patience})
	var template, before *Template
	var argument, message string
	count := 0
	for _, block := range regexp.MustCompile("(?s)```([a-z]+)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		switch block[1] {
		case "jsonnet":
			argument = block[2][len("function("):len("function(ctx")]
			before, template = template, compiledFor(t, pool, argument, block[2])
			switch {
			case strings.Contains(block[2], "res.ctx"):
				if _, err := newGateway(t, Options{URL: "http://localhost/"}).TryLookup(t.Context(), before.evaluator(), template.evaluator()); err != nil {
					t.Error(err)
				}
			case !strings.Contains(block[2], "path:"):
				tryExample(t, argument, template)
			}
		case "http":
			message = block[2]
		case "json":
			count++
			var want any
			if err := json.Unmarshal([]byte(block[2]), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, runExample(t, argument, template, message)); diff != "" {
				t.Errorf("%s\ngives (-want +got):\n%s", message, diff)
			}
		}
	}
	if count < 5 {
		t.Errorf("ran %d examples", count)
	}
}

// tryExample wants no warning of an example.
func tryExample(t *testing.T, argument string, template *Template) {
	t.Helper()
	g := newGateway(t, Options{URL: "http://localhost/"})
	try := map[string]func() ([]string, error){
		"ctx": func() ([]string, error) { return g.TryQuery(t.Context(), template.evaluator()) },
		"res": func() ([]string, error) { return g.TryResponse(t.Context(), template.evaluator()) },
		"req": func() ([]string, error) {
			return newReceiver(t, ReceiverOptions{Template: template}).Try(t.Context(), template.evaluator())
		},
	}[argument]
	if warnings, err := try(); err != nil || len(warnings) > 0 {
		t.Errorf("the example of %s: %q, %v", argument, warnings, err)
	}
}

func runExample(t *testing.T, argument string, template *Template, message string) any {
	t.Helper()
	head, body, _ := strings.Cut(message, "\n\n")
	body = strings.TrimSpace(body)
	reader := bufio.NewReader(strings.NewReader(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n"))
	var got any
	if argument == "res" {
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		g := newGateway(t, Options{URL: "http://localhost/", Response: &Rules{Template: template}})
		request := &Request{gateway: g, message: loginMessage()}
		got = attemptFields(request.judge(t.Context(), &Answer{Status: response.StatusCode, Header: response.Header, Body: []byte(body)}))
	} else {
		request, err := http.ReadRequest(reader)
		if err != nil {
			t.Fatal(err)
		}
		_, value, _ := strings.Cut(body, "=")
		result, err := newReceiver(t, ReceiverOptions{Template: template}).Receive(t.Context(), &signature.Request{
			Method: request.Method, Header: request.Header, Body: []byte(body), Form: url.Values{"reports": {value}},
		})
		if err != nil {
			t.Fatal(err)
		}
		got = receiptFields(result.Receipts)
	}
	plain, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var decoded any
	if err := json.Unmarshal(plain, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

func attemptFields(attempt courier.Attempt) any {
	return struct {
		Outcome    courier.Outcome `json:"outcome"`
		Class      courier.Class   `json:"class,omitzero"`
		Code       string          `json:"code,omitzero"`
		ID         string          `json:"id,omitzero"`
		Warning    string          `json:"warning,omitzero"`
		RetryAfter float64         `json:"retry_after,omitzero"`
	}{attempt.Outcome, attempt.Class, attempt.Code, attempt.GatewayMessageID, attempt.Warning, attempt.RetryAfter.Seconds()}
}

func receiptFields(receipts []courier.Receipt) any {
	type fields struct {
		ID     string         `json:"id"`
		Status courier.Status `json:"status"`
		Code   string         `json:"code,omitzero"`
		At     time.Time      `json:"at,omitzero"`
	}
	all := make([]fields, len(receipts))
	for i, receipt := range receipts {
		all[i] = fields{receipt.GatewayMessageID, receipt.Status, receipt.Code, receipt.At}
	}
	return all
}
