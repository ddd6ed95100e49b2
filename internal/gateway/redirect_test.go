package gateway

import (
	"net/http"
	"strings"
	"testing"

	"courier"
	"courier/internal/gateway/gatewaytest"
)

func redirectTo(status int, location string) gatewaytest.Behavior {
	return gatewaytest.Behavior{Status: status, Header: http.Header{"Location": {location}}}
}

// TestGateway_FollowsSameHost checks that 307 and 308 on the same host keep
// method, body and credentials.
func TestGateway_FollowsSameHost(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, protocol gatewaytest.Protocol) {
		t.Helper()
		fake, url, client := gatewaytest.StartOver(t, protocol, gatewaytest.Options{})
		scheme, rest, _ := strings.Cut(url, "://")
		fake.Script(
			redirectTo(307, "/second?x=%20y"),
			redirectTo(308, strings.ToUpper(scheme)+"://other:user@"+rest+"/third#part"),
			gatewaytest.Behavior{},
		)
		g := newGateway(t, Options{
			URL: url + "/first", Method: "PUT", Template: echo(), Header: map[string]string{"X-Api-Key": "k1"},
			Auth: BasicAuth{"u", "p"}, TLSConfig: client,
		})
		attempt := send(t, g, loginMessage())
		if attempt.Outcome != courier.OutcomeAccepted || attempt.HTTPStatus != 201 {
			t.Fatalf("Send() = %+v", attempt)
		}
		requests := fake.Requests()
		for i, target := range []string{"/first", "/second?x=%20y", "/third"} {
			got := requests[i]
			if got.Method != "PUT" || got.Target != target || string(got.Body) != string(requests[0].Body) || len(got.Body) == 0 ||
				got.Header.Get("Authorization") != "Basic dTpw" || got.Header.Get("X-Api-Key") != "k1" {
				t.Errorf("request %d: %s %s %v %q", i, got.Method, got.Target, got.Header, got.Body)
			}
		}
	})
}

// TestGateway_RefusesToPassOn checks that the message is not sent to another
// host, nor round and round: the gateway is at fault.
func TestGateway_RefusesToPassOn(t *testing.T) {
	t.Parallel()
	other, otherURL := gatewaytest.Start(t, gatewaytest.Options{})
	otherURL = strings.Replace(otherURL, "http://", "http://user:hunter2@", 1)
	for name, c := range map[string]struct {
		behavior gatewaytest.Behavior
		says     string
		count    int
	}{
		"OtherHost307":  {redirectTo(307, otherURL+"/x?token=hunter2"), "/x, which is not followed", 1},
		"OtherHost308":  {redirectTo(308, otherURL), "308 Permanent Redirect to http://127.0.0.1", 1},
		"NoLocation":    {gatewaytest.Behavior{Status: 307}, "307", 1},
		"BadLocation":   {redirectTo(307, "http://[::1"), "307", 1},
		"OtherScheme":   {redirectTo(307, "ftp://127.0.0.1/"), "ftp://127.0.0.1/", 1},
		"Itself":        {redirectTo(307, "/first"), "307", 1},
		"RoundAndRound": {redirectTo(308, "/loop"), "308", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, url := gatewaytest.Start(t, gatewaytest.Options{Default: c.behavior})
			g := newGateway(t, Options{URL: url + "/first", Template: echo()})
			attempt := send(t, g, loginMessage())
			if attempt.Outcome != courier.OutcomeGatewayDown || attempt.Scope != courier.ScopeGateway || !strings.Contains(attempt.Message, c.says) {
				t.Errorf("Send() = %+v", attempt)
			}
			if fake.Count() != c.count {
				t.Errorf("%d requests, want %d", fake.Count(), c.count)
			}
			if strings.Contains(attempt.Message+attempt.Excerpt, "hunter2") {
				t.Errorf("the attempt tells a secret: %+v", attempt)
			}
		})
	}
	if other.Count() != 0 {
		t.Errorf("the other host got %d requests", other.Count())
	}
}

// TestGateway_FetchesWhatTakenLeadsTo checks redirects that mean that the message
// was taken: one POST, then GETs without a body, and accepted when they end well.
func TestGateway_FetchesWhatTakenLeadsTo(t *testing.T) {
	t.Parallel()
	ok := gatewaytest.Behavior{Status: 200}
	for name, c := range map[string]struct {
		method   string
		script   []gatewaytest.Behavior
		outcome  courier.Outcome
		status   int
		says     string
		requests string
	}{
		"301":         {"POST", []gatewaytest.Behavior{redirectTo(301, "/done"), ok}, courier.OutcomeAccepted, 200, "", "POST /send GET /done"},
		"302":         {"POST", []gatewaytest.Behavior{redirectTo(302, "done?a=b c"), ok}, courier.OutcomeAccepted, 200, "", "POST /send GET /done?a=b%20c"},
		"303":         {"PUT", []gatewaytest.Behavior{redirectTo(303, "/done"), ok}, courier.OutcomeAccepted, 200, "", "PUT /send GET /done"},
		"Twice":       {"POST", []gatewaytest.Behavior{redirectTo(303, "/a"), redirectTo(302, "/b"), ok}, courier.OutcomeAccepted, 200, "", "POST /send GET /a GET /b"},
		"Then307":     {"POST", []gatewaytest.Behavior{redirectTo(303, "/a"), redirectTo(307, "/b"), ok}, courier.OutcomeAccepted, 200, "", "POST /send GET /a GET /b"},
		"After307":    {"POST", []gatewaytest.Behavior{redirectTo(307, "/a"), redirectTo(303, "/b"), ok}, courier.OutcomeAccepted, 200, "", "POST /send POST /a GET /b"},
		"BackToStart": {"POST", []gatewaytest.Behavior{redirectTo(303, "/send"), ok}, courier.OutcomeAccepted, 200, "", "POST /send GET /send"},
		"Head":        {"HEAD", []gatewaytest.Behavior{redirectTo(302, "/done"), ok}, courier.OutcomeAccepted, 200, "", "HEAD /send HEAD /done"},
		"Get":         {"GET", []gatewaytest.Behavior{redirectTo(301, "/done"), ok}, courier.OutcomeAccepted, 200, "", "GET /send GET /done"},
		"Trace":       {"TRACE", []gatewaytest.Behavior{redirectTo(303, "/done"), ok}, courier.OutcomeAccepted, 200, "", "TRACE /send GET /done"},
		"NotFound":    {"POST", []gatewaytest.Behavior{redirectTo(303, "/done"), {Status: 404}}, courier.OutcomeUnknown, 303, "/done, where the answer was 404 Not Found", "POST /send GET /done"},
		"Failing":     {"POST", []gatewaytest.Behavior{redirectTo(302, "/done"), {Status: 500}}, courier.OutcomeUnknown, 302, "500", "POST /send GET /done"},
		"Broken":      {"POST", []gatewaytest.Behavior{redirectTo(302, "/done"), {Fault: gatewaytest.FaultResetAfterRead}}, courier.OutcomeUnknown, 302, "could not be fetched", "POST /send GET /done"},
		"NoLocation":  {"POST", []gatewaytest.Behavior{{Status: 303}}, courier.OutcomeUnknown, 303, "303 See Other: ", "POST /send"},
		"Choices":     {"POST", []gatewaytest.Behavior{redirectTo(300, "/done")}, courier.OutcomeUnknown, 300, "300", "POST /send"},
		"NotModified": {"POST", []gatewaytest.Behavior{{Status: 304}}, courier.OutcomeUnknown, 304, "304", "POST /send"},
		"Scheme":      {"POST", []gatewaytest.Behavior{redirectTo(302, "mailto:a@b.test")}, courier.OutcomeUnknown, 302, "302", "POST /send"},
		"Loop":        {"POST", []gatewaytest.Behavior{redirectTo(302, "/a"), redirectTo(302, "/a")}, courier.OutcomeUnknown, 302, "302", "POST /send GET /a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachProtocol(t, func(t *testing.T, protocol gatewaytest.Protocol) {
				t.Helper()
				fake, url, client := gatewaytest.StartOver(t, protocol, gatewaytest.Options{})
				fake.Script(c.script...)
				g := newGateway(t, Options{
					URL: url + "/send", Method: c.method, Template: echo(), TLSConfig: client,
					Header: map[string]string{"X-Api-Key": "k1"}, Auth: BasicAuth{"u", "p"},
				})
				attempt := send(t, g, loginMessage())
				if attempt.Outcome != c.outcome || attempt.HTTPStatus != c.status || !strings.Contains(attempt.Message, c.says) {
					t.Errorf("Send() = %+v", attempt)
				}
				if wanted := c.outcome == courier.OutcomeUnknown; (attempt.Class == courier.ClassOutcomeUnknown) != wanted {
					t.Errorf("Send() = %+v", attempt)
				}
				var seen []string
				for i, request := range fake.Requests() {
					seen = append(seen, request.Method+" "+request.Target)
					get := request.Method == "GET" && i > 0
					if get && (len(request.Body) > 0 || request.Header.Get("Content-Type") != "" || request.Header.Get("X-Api-Key") != "k1") {
						t.Errorf("request %d: %v %q", i, request.Header, request.Body)
					}
				}
				if got := strings.Join(seen, " "); got != c.requests {
					t.Errorf("requests are %q, want %q", got, c.requests)
				}
			})
		})
	}
}

// TestGateway_FetchesFromOtherHost checks that another host gets nothing of ours.
func TestGateway_FetchesFromOtherHost(t *testing.T) {
	t.Parallel()
	for _, first := range []int{301, 302, 303} {
		other, otherURL := gatewaytest.Start(t, gatewaytest.Options{})
		other.Script(redirectTo(307, "/further"), gatewaytest.Behavior{Status: 200})
		fake, url, client := gatewaytest.StartOver(t, gatewaytest.TLSHTTP1, gatewaytest.Options{Default: redirectTo(first, strings.Replace(otherURL, "//", "//user:hunter2@", 1)+"/done?x=1")})
		g := newGateway(t, Options{
			URL: url + "/send", Method: "POST", Template: echo(), TLSConfig: client,
			Header: map[string]string{"X-Api-Key": "k1", "User-Agent": "mine", "Accept": "x/y"}, Auth: APIKey{"sid", "k2", KeyInCookie},
		})
		if attempt := send(t, g, loginMessage()); attempt.Outcome != courier.OutcomeAccepted || fake.Count() != 1 {
			t.Errorf("Send() = %+v after %d requests", attempt, fake.Count())
		}
		requests := other.Requests()
		if len(requests) != 2 {
			t.Fatalf("the other host got %d requests", len(requests))
		}
		for _, request := range requests {
			header := request.Header.Clone()
			header.Del("Accept-Encoding")
			if request.Method != "GET" || len(request.Body) > 0 || len(header) != 1 || header.Get("User-Agent") != "Go-http-client/1.1" {
				t.Errorf("the other host got %s %v %q", request.Method, header, request.Body)
			}
		}
	}
}

func TestGateway_FollowsAFewHops(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]courier.Outcome{307: courier.OutcomeGatewayDown, 302: courier.OutcomeUnknown} {
		fake, url := gatewaytest.Start(t, gatewaytest.Options{BehaviorFunc: func(r *http.Request) gatewaytest.Behavior {
			return redirectTo(status, r.URL.Path+"x")
		}})
		g := newGateway(t, Options{URL: url + "/", Template: echo()})
		if attempt := send(t, g, loginMessage()); attempt.Outcome != want {
			t.Errorf("Send() = %+v", attempt)
		}
		if fake.Count() != maxRedirects+1 {
			t.Errorf("%d requests", fake.Count())
		}
	}
}

// TestGateway_RedirectKeepsPolicy checks that an exception from the address
// policy for one url does not hold for another that it redirects to.
func TestGateway_RedirectKeepsPolicy(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]courier.Outcome{307: courier.OutcomeGatewayDown, 302: courier.OutcomeUnknown} {
		fake, url := gatewaytest.Start(t, gatewaytest.Options{})
		fake.Script(redirectTo(status, "/allowed/too"), redirectTo(status, "/elsewhere"))
		g := newGateway(t, Options{
			URL: url + "/allowed", Template: echo(),
			PrivateIPs: PrivateIPPolicy{Disallow: true, ExceptionURLs: []string{"http://127.0.0.1:*/allowed**"}},
		})
		if attempt := send(t, g, loginMessage()); attempt.Outcome != want || fake.Count() != 2 {
			t.Errorf("Send() = %+v after %d requests", attempt, fake.Count())
		}
	}
}
