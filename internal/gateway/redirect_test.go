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
	fake, url := gatewaytest.Start(t, gatewaytest.Options{})
	fake.Script(
		redirectTo(307, "/second?x=%20y"),
		redirectTo(308, strings.Replace(url, "http://", "HTTP://other:user@", 1)+"/third#part"),
		gatewaytest.Behavior{},
	)
	g := newGateway(t, Options{
		URL: url + "/first", Method: "PUT", Template: echo(), Header: map[string]string{"X-Api-Key": "k1"},
		Auth: BasicAuth{"u", "p"},
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
}

// TestGateway_FollowsNothingElse checks that nothing is sent to where any other redirect leads.
func TestGateway_FollowsNothingElse(t *testing.T) {
	t.Parallel()
	other, otherURL := gatewaytest.Start(t, gatewaytest.Options{})
	otherURL = strings.Replace(otherURL, "http://", "http://user:hunter2@", 1)
	for name, c := range map[string]struct {
		behavior gatewaytest.Behavior
		says     string
		count    int
	}{
		"OtherHost307":  {redirectTo(307, otherURL+"/x?token=hunter2"), "/x, which is not followed", 1},
		"OtherHost308":  {redirectTo(308, otherURL), "which is not followed", 1},
		"OtherHost302":  {redirectTo(302, otherURL), "302 Found to http://127.0.0.1", 1},
		"SameHost301":   {redirectTo(301, "/elsewhere"), "/elsewhere, which is not followed", 1},
		"SameHost303":   {redirectTo(303, "/elsewhere"), "303", 1},
		"NotModified":   {gatewaytest.Behavior{Status: 304}, "304", 1},
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
			if attempt.Outcome != courier.OutcomeGatewayDown || !strings.Contains(attempt.Message, c.says) {
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

func TestGateway_FollowsAFewHops(t *testing.T) {
	t.Parallel()
	fake, url := gatewaytest.Start(t, gatewaytest.Options{BehaviorFunc: func(r *http.Request) gatewaytest.Behavior {
		return redirectTo(307, r.URL.Path+"x")
	}})
	g := newGateway(t, Options{URL: url + "/", Template: echo()})
	if attempt := send(t, g, loginMessage()); attempt.Outcome != courier.OutcomeGatewayDown {
		t.Errorf("Send() = %+v", attempt)
	}
	if fake.Count() != maxRedirects+1 {
		t.Errorf("%d requests", fake.Count())
	}
}

// TestGateway_RedirectKeepsPolicy checks that an exception from the address
// policy for one url does not hold for another that it redirects to.
func TestGateway_RedirectKeepsPolicy(t *testing.T) {
	t.Parallel()
	fake, url := gatewaytest.Start(t, gatewaytest.Options{})
	fake.Script(redirectTo(307, "/allowed/too"), redirectTo(307, "/elsewhere"))
	g := newGateway(t, Options{
		URL: url + "/allowed", Template: echo(),
		PrivateIPs: PrivateIPPolicy{Disallow: true, ExceptionURLs: []string{"http://127.0.0.1:*/allowed**"}},
	})
	if attempt := send(t, g, loginMessage()); attempt.Outcome != courier.OutcomeGatewayDown || fake.Count() != 2 {
		t.Errorf("Send() = %+v after %d requests", attempt, fake.Count())
	}
}
