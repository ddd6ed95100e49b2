package app

import (
	"strings"
	"testing"

	"courier/internal/gateway"
)

func TestFingerprint(t *testing.T) {
	t.Parallel()
	of := func(template string, change func(*gateway.Options)) string {
		options := gateway.Options{
			Name: "sms", URL: "https://gateway.example.com/send?key=hunter2", Method: "POST", Header: map[string]string{"X-A": "1", "X-B": "2"},
			Auth: gateway.BasicAuth{User: "user", Password: "hunter2"},
		}
		change(&options)
		sum, err := (&design{options: options}).fingerprint(map[role][]byte{bodyRole: []byte(template)})
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	base := of("text", func(*gateway.Options) {})
	if strings.Contains(base, "hunter2") || len(base) != 64 {
		t.Errorf("fingerprint %s", base)
	}
	for name, same := range map[string]string{
		"again": of("text", func(*gateway.Options) {}),
		"limit": of("text", func(o *gateway.Options) { o.MaxInFlight, o.Template = 7, gateway.NewTemplate(nil) }),
	} {
		if same != base {
			t.Errorf("%s counts", name)
		}
	}
	seen := map[string]string{base: "base"}
	for name, other := range map[string]string{
		"template": of("other", func(*gateway.Options) {}),
		"url":      of("text", func(o *gateway.Options) { o.URL += "2" }),
		"method":   of("text", func(o *gateway.Options) { o.Method = "PUT" }),
		"header":   of("text", func(o *gateway.Options) { o.Header["X-B"] = "3" }),
		"password": of("text", func(o *gateway.Options) { o.Auth = gateway.BasicAuth{User: "user", Password: "x"} }),
		"auth":     of("text", func(o *gateway.Options) { o.Auth = nil }),
		"private":  of("text", func(o *gateway.Options) { o.PrivateIPs.Disallow = true }),
	} {
		if before, known := seen[other]; known {
			t.Errorf("%s does not count: same as %s", name, before)
		}
		seen[other] = name
	}
}
