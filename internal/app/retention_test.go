package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"courier/internal/gateway/gatewaytest"
)

// TestApp_Retention lets a changed configuration scrub a message that the
// gateway refused, and later one delete it.
func TestApp_Retention(t *testing.T) {
	t.Parallel()
	_, url := gatewaytest.Start(t, gatewaytest.Options{Default: gatewaytest.Behavior{Status: http.StatusBadRequest}})
	c := start(t, func(dir string) string { return channel(dir, url) })
	var sent struct {
		ID string `json:"id"`
	}
	_, answer := c.post(t, map[string]string{"to": "+12065550199", "body": "code 123456"})
	if err := json.Unmarshal([]byte(answer), &sent); err != nil {
		t.Fatalf("decode %s: %v", answer, err)
	}
	path := "/v1/messages/" + sent.ID
	shows := func(text string) func() bool {
		return func() bool {
			_, answer := c.call(t, http.MethodGet, path, "")
			return strings.Contains(answer, text)
		}
	}
	until(t, "the refusal", shows(`"status":"rejected"`))
	if !shows(`"body":"code 123456"`)() || !shows(`"scrubbed_at":null`)() {
		t.Error("the content is gone before its time")
	}

	c.write(t, "courier.yml", channel(c.dir, url)+settings(c.dir)+"retention: { scrub_after: 1ms }\n")
	until(t, "the scrub", shows(`"scrubbed_at":"20`))
	if !shows(`"body":""`)() || shows("123456")() {
		t.Error("the content is still there")
	}
	status, answer := c.call(t, http.MethodPost, path+"/retry", "")
	if status != http.StatusConflict || !strings.Contains(answer, `"content_scrubbed"`) {
		t.Errorf("retry: status %d: %s, want 409 with the code content_scrubbed", status, answer)
	}

	c.write(t, "courier.yml", channel(c.dir, url)+settings(c.dir)+"retention: { delete_after: 1ms }\n")
	until(t, "the deletion", shows(`"not_found"`))
}
