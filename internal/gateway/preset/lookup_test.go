package preset

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"courier"
)

// TestPreset_Lookup asks a phone for messages whose outcome is not known.
func TestPreset_Lookup(t *testing.T) {
	t.Parallel()
	set, err := loadOurs()
	if err != nil {
		t.Fatal(err)
	}
	p, _ := set.Get("android-sms-gateway")
	cases := []struct {
		name, server, path, answer string
		status                     int
		want                       courier.Status
	}{
		{"Pending", "", "/3rdparty/v1/messages/" + ours, `{"id":"` + ours + `","state":"Pending","recipients":[{"state":"Pending"}]}`, 200, courier.StatusSent},
		{"Delivered", "http://phone:8080/", "/messages/" + ours, `{"id":"` + ours + `","state":"Delivered"}`, 200, courier.StatusDelivered},
		{"Failed", "http://phone:8080", "/messages/" + ours, `{"id":"` + ours + `","state":"Failed","recipients":[{"state":"Failed","error":"no service"}]}`, 200, courier.StatusUndelivered},
		{"Unheard", "", "/3rdparty/v1/messages/" + ours, `{"message":"message not found"}`, 404, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			asked := ""
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r.Method + " " + r.URL.RequestURI()
				if _, _, ok := r.BasicAuth(); !ok {
					asked += " without credentials"
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			}))
			defer server.Close()
			config := readConfig(t, p.Name, "default")
			config.Params["server"], config.Params[baseURL] = c.server, server.URL
			g, _ := build(t, p, config)
			receipt, found, err := g.Lookup(t.Context(), message("+12065550100", "Your code is 123456"))
			if err != nil || found != (c.want != "") || receipt.Status != c.want || asked != "GET "+c.path {
				t.Errorf("got %v %+v %v, asked %s", found, receipt, err, asked)
			}
			if found && receipt.GatewayMessageID != ours {
				t.Errorf("got id %q", receipt.GatewayMessageID)
			}
		})
	}
}
