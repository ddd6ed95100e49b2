package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"courier/internal/httpapi"
)

// TestAPI_ProbesByName asks for health by a host name, as Kubernetes and load
// balancers do: that needs no key. Messages by that name are refused without keys.
func TestAPI_ProbesByName(t *testing.T) {
	t.Parallel()
	api, err := httpapi.New(httpapi.Options{Store: newDouble()})
	if err != nil {
		t.Fatalf("new api: %v", err)
	}
	for path, want := range map[string]int{
		"/health/alive": http.StatusOK, "/health/ready": http.StatusOK, "/v1/messages": http.StatusForbidden,
	} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
		request.Host = "courier.default.svc:4478"
		answer := httptest.NewRecorder()
		api.Admin().ServeHTTP(answer, request)
		if answer.Code != want {
			t.Errorf("GET %s: status %d: %s, want %d", path, answer.Code, answer.Body, want)
		}
	}
}
