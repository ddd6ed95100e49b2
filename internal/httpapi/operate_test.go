package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"courier"
	"courier/internal/httpapi"
	"courier/internal/store"
)

// configured has two gateways, and remembers which are paused.
type configured struct{ paused []string }

func (c *configured) Gateways() ([]httpapi.GatewaySettings, error) {
	return []httpapi.GatewaySettings{{ID: "main", Method: "POST", URL: "https://gateway.example.com/***"}, {ID: "other"}}, nil
}

func (c *configured) SetPaused(gateways []string) { c.paused = gateways }

func withGateways(o *httpapi.Options) {
	withKeys(o)
	o.Gateways = &configured{}
}

const asRoot = "X-API-Key: root"

func TestAPI_Series(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.send(t)
	f.memory.attempt(t, courier.StatusSent, courier.Attempt{Outcome: courier.OutcomeAccepted, Gateway: "main"})
	other := &courier.Message{ID: courier.ID{1}, Status: courier.StatusQueued, Gateway: "other", CreatedAt: now().Add(-time.Minute)}
	if _, err := f.memory.Store.Enqueue(t.Context(), []*courier.Message{other}); err != nil {
		t.Fatal(err)
	}
	const none = `"due":0,"timely":0,"sent":0,"delivered":0,"failed":0,"to_gateway":null,"to_receipt":null`
	own := strings.Replace(none, `"due":0,"timely":0,"sent":0`, `"due":1,"timely":0,"sent":1`, 1)
	all := `{"taken":2,"due":2,"timely":0,"sent":1,"delivered":0,"failed":0,"to_gateway":null,"to_receipt":null}`
	before := strings.Replace(`"taken":1,`+none, `"due":0`, `"due":1`, 1)
	for target, want := range map[string]string{
		"?until=2026-01-02T03:04:00Z":                            `{"step":"1m0s","points":[{"at":"2026-01-02T03:03:00.000000Z",` + before + `}],"total":{` + before + `}}`,
		"?until=2026-01-02T03:10:00Z":                            `{"step":"1m0s","points":[{"at":"2026-01-02T03:03:00.000000Z",` + before + `},{"at":"2026-01-02T03:04:00.000000Z","taken":1,` + own + `}],"total":` + all + `}`,
		"?until=2026-01-02T03:10:00Z&gateway=main&step=10m":      `{"step":"10m0s","points":[{"at":"2026-01-02T03:00:00.000000Z","taken":1,` + own + `}],"total":{"taken":1,` + own + `}}`,
		"?since=2026-01-02T03:10:00Z&until=2026-01-02T03:20:00Z": `{"step":"1m0s","points":[],"total":{"taken":0,` + none + `}}`,
	} {
		wantJSON(t, f.call(t, "GET", "/v1/series"+target, "").Body.String(), want)
	}
	for target, field := range map[string]string{
		"?step=90s": "query.step", "?step=x": "query.step", "?since=yesterday": "query.since", "?since=2000-01-01T00:00:00Z": "query.step", "?page=2": "",
	} {
		wantProblem(t, f.call(t, "GET", "/v1/series"+target, ""), courier.CodeInvalidRequest, field, "")
	}
}

// TestAPI_Gateways shows how gateways are, and pauses one for everybody.
func TestAPI_Gateways(t *testing.T) {
	t.Parallel()
	settings := &configured{}
	f := newFixture(t, func(o *httpapi.Options) { withKeys(o); o.Gateways = settings })
	for i, state := range []string{
		`[{"gateway":"main","breaker":"closed","in_flight":3,"sent_rate":1.5},{"gateway":"other","breaker":"closed","degraded":{"DE":"few arrive"}}]`,
		`[{"gateway":"main","breaker":"open","class":"unauthorized","learned_rate":7}]`, `[{`,
	} {
		if _, err := f.memory.Beat(t.Context(), store.Beat{Node: string(rune('a' + i)), Lapse: time.Minute, State: state}); err != nil {
			t.Fatal(err)
		}
	}
	type view struct {
		ID, State, Why string
		Next           string `json:"next_step"`
		Nodes          []struct{ Node, Breaker string }
		Paused         *struct{ Reason, Who string }
		Faults         []struct {
			Class string
			Count int
		}
	}
	var list struct{ Gateways []view }
	decode(t, f.call(t, "GET", "/v1/gateways", "", asRoot).Body.String(), &list)
	if len(list.Gateways) != 2 || list.Gateways[0].State != "open" || len(list.Gateways[0].Nodes) != 2 || !strings.Contains(list.Gateways[0].Why, "credentials") ||
		list.Gateways[0].Next == "" || list.Gateways[1].State != "degraded" || list.Gateways[1].Why != "few arrive" {
		t.Errorf("gateways: %+v", list.Gateways)
	}
	change := func(target, body string) (v view) {
		t.Helper()
		w := f.call(t, "POST", "/v1/gateways/main/"+target, body, asRoot)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", target, w.Code, w.Body)
		}
		decode(t, w.Body.String(), &v)
		return v
	}
	if v := change("pause", `{"reason":"the provider is down"}`); v.State != "paused" || v.Why != "the provider is down" || v.Paused.Who != "root" ||
		!slices.Equal(settings.paused, []string{"main"}) {
		t.Errorf("paused: %+v, engine: %v", v, settings.paused)
	}
	if err := f.memory.Pause(t.Context(), store.Pause{Gateway: "gone"}); err != nil { // from the configuration, too
		t.Fatal(err)
	}
	wantJSON(t, f.call(t, "GET", "/health/ready", "").Body.String(), `{"status":"ok","paused":1}`)
	for range 2 { // the second changes nothing
		if v := change("resume", ""); v.State != "open" || v.Paused != nil || slices.Contains(settings.paused, "main") {
			t.Errorf("resumed: %+v, engine: %v", v, settings.paused)
		}
	}
	for target, body := range map[string]string{"pause": `{"reason":" "}`, "resume": `{"reason":"` + strings.Repeat("x", 501) + `"}`} {
		wantProblem(t, f.call(t, "POST", "/v1/gateways/main/"+target, body, asRoot), courier.CodeInvalidRequest, "body.reason", "")
	}
	for target, body := range map[string]string{"": "", "/pause": `{"reason":"x"}`, "/test": `{"to":"1"}`} {
		method := map[bool]string{true: "GET", false: "POST"}[body == ""]
		wantProblem(t, f.call(t, method, "/v1/gateways/none"+target, body, asRoot), courier.CodeNotFound, "", "/v1/gateways")
	}
	w := f.call(t, "POST", "/v1/gateways/other/test", `{"to":"`+number+`"}`, asRoot)
	if w.Code != http.StatusAccepted || f.judge.draft.Gateway != "other" || f.judge.draft.Body != "Test of the gateway other at 03:04:05 UTC" || f.judge.draft.TTL != "10m0s" {
		t.Errorf("test: %d %s, draft %+v", w.Code, w.Body, f.judge.draft)
	}
	if got := actionsOf(t, f, ""); !slices.Equal(got, []string{"gateway.test other root", "gateway.resume main root", "gateway.pause main root the provider is down"}) {
		t.Errorf("audit log: %v", got)
	}
}

// actionsOf returns the audit log, the newest first.
func actionsOf(t *testing.T, f *fixture, query string) (actions []string) {
	t.Helper()
	var page struct {
		Entries []struct{ Who, Action, Target, Reason, Detail string }
		Next    string `json:"next_page_token"`
	}
	for next := "?page_size=2"; next != ""; {
		page.Next = ""
		decode(t, f.call(t, "GET", "/v1/audit"+next+query, "", asRoot).Body.String(), &page)
		for _, e := range page.Entries {
			actions = append(actions, strings.TrimSpace(e.Action+" "+e.Target+" "+e.Who+" "+e.Reason))
		}
		if next = page.Next; next != "" {
			next = "?page_size=2&page_token=" + next
		}
	}
	return actions
}

// TestAPI_AuditsChanges enters what is done to messages, with the reason.
func TestAPI_AuditsChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withGateways)
	answer := f.call(t, "POST", "/v1/messages", `{"to":"`+number+`","body":"a"}`, asRoot)
	var sent struct{ ID string }
	decode(t, answer.Body.String(), &sent)
	path := "/v1/messages/" + sent.ID
	f.call(t, "POST", path+"/cancel", `{"reason":"a mistake"}`, "X-API-Key: operator")
	f.call(t, "POST", path+"/cancel", "", asRoot)
	f.call(t, "POST", path+"/retry", `{"reason":"x"}`, asRoot) // refused
	want := []string{"message.cancel " + sent.ID + " root", "message.cancel " + sent.ID + " operator a mistake"}
	for _, query := range []string{"", "&target=" + sent.ID, "&action=message.cancel"} {
		if got := actionsOf(t, f, query); !slices.Equal(got, want) {
			t.Errorf("audit log %s: %q, want %q", query, got, want)
		}
	}
	for query, field := range map[string]string{"page_token=x": "query.page_token", "page_token=-1": "query.page_token", "page_size=0": "query.page_size"} {
		wantProblem(t, f.call(t, "GET", "/v1/audit?"+query, "", asRoot), courier.CodeInvalidRequest, field, "")
	}
}

// TestAPI_Actions starts, shows and stops what is done to many messages.
func TestAPI_Actions(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withGateways)
	f.call(t, "POST", "/v1/messages", `{"to":"`+number+`","body":"a"}`, asRoot)
	const filter = `"filter":{"status":"queued","to":"+12065550199","since":"1970-01-01T00:00:00Z"}`
	wantJSON(t, f.call(t, "POST", "/v1/messages/actions/count", `{"action":"cancel",`+filter+`}`, asRoot).Body.String(), `{"count":1,"more":false}`)
	w := f.call(t, "POST", "/v1/messages/actions", `{"action":"cancel","reason":"a mistake",`+filter+`}`, asRoot)
	var started struct {
		ID, Status, Who, Reason string
		Filter                  struct{ Status, Until string }
	}
	decode(t, w.Body.String(), &started)
	if w.Code != http.StatusAccepted || started.Status != "running" || started.Who != "root" || started.Filter.Until != "2026-01-02T03:04:05.000006Z" {
		t.Errorf("started: %d %s", w.Code, w.Body)
	}
	for range 2 {
		w = f.call(t, "POST", "/v1/actions/"+started.ID+"/stop", "", asRoot)
		decode(t, w.Body.String(), &started)
		if w.Code != http.StatusOK || started.Status != "stopped" {
			t.Errorf("stopped: %d %s", w.Code, w.Body)
		}
	}
	var list struct{ Actions []struct{ ID, Status string } }
	decode(t, f.call(t, "GET", "/v1/actions", "", asRoot).Body.String(), &list)
	if len(list.Actions) != 1 || list.Actions[0].ID != started.ID || list.Actions[0].Status != "stopped" {
		t.Errorf("actions: %+v", list)
	}
	for body, field := range map[string]string{
		`{"action":"delete","filter":{}}`:                                  "action",
		`{"action":"retry","filter":{}}`:                                   "filter.status",
		`{"action":"retry","filter":{"status":"delivered"}}`:               "filter.status",
		`{"action":"retry","as":"sent","filter":{"status":"rejected"}}`:    "as",
		`{"action":"resolve","filter":{}}`:                                 "as",
		`{"action":"cancel","filter":{"status":"queued","class":"odd"}}`:   "filter.class",
		`{"action":"cancel","filter":{"status":"queued","until":"later"}}`: "filter.until",
	} {
		wantProblem(t, f.call(t, "POST", "/v1/messages/actions", body, asRoot), courier.CodeInvalidRequest, "body."+field, "")
	}
	wantProblem(t, f.call(t, "GET", "/v1/actions/"+idText, "", asRoot), courier.CodeNotFound, "", "")
}
