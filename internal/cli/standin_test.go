package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// standIn is a server with the courier's interface for what the real one does
// not do on demand: it fails, holds back and forgets as told. A recipient of
// fewer than 8 characters is refused, "+1555…" never leaves the queue and
// "+1666…" is rejected.
type standIn struct {
	*httptest.Server
	// fail, when it is set, may answer a request itself and then reports true.
	fail func(w http.ResponseWriter, r *http.Request) bool

	mutex sync.Mutex
	// texts are the messages taken, by id, without the repeats of a key.
	texts map[string]map[string]any
	keys  map[string]string
	// batches are the sizes of the batches that were taken.
	batches []int
	auth    []string
}

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	s := &standIn{texts: map[string]map[string]any{}, keys: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/messages", s.send)
	mux.HandleFunc("POST /v1/messages/batch", s.sendBatch)
	mux.HandleFunc("GET /v1/messages/{id}", s.get)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mutex.Lock()
		s.auth = append(s.auth, r.Header.Get("Authorization"))
		fail := s.fail
		s.mutex.Unlock()
		if fail == nil || !fail(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// taken returns the bodies of the messages taken, without the repeats of a key.
func (s *standIn) taken() map[string]int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	bodies := map[string]int{}
	for _, text := range s.texts {
		bodies[fmt.Sprint(text["body"])]++
	}
	return bodies
}

func (s *standIn) accept(message map[string]any, key string) map[string]any {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	to := fmt.Sprint(message["to"])
	if len(to) < 8 {
		return map[string]any{"error": map[string]any{"code": "invalid_recipient", "field": "to", "detail": "it is too short"}}
	}
	id, known := s.keys[key]
	if key == "" || !known {
		id = fmt.Sprintf("0190163d-8694-739b-aea5-%012d", len(s.texts))
		s.texts[id] = message
		s.keys[key] = id
	}
	return map[string]any{"id": id, "status": "queued", "to": to}
}

func (s *standIn) send(w http.ResponseWriter, r *http.Request) {
	var message map[string]any
	if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
		answerProblem(w, http.StatusBadRequest, "invalid_request", err.Error())
		return
	}
	result := s.accept(message, r.Header.Get("Idempotency-Key"))
	if refusal, ok := result["error"].(map[string]any); ok {
		answer(w, http.StatusUnprocessableEntity, map[string]any{
			"code": refusal["code"], "detail": refusal["detail"],
			"errors": []any{map[string]any{"location": "body.to", "message": refusal["detail"]}},
		})
		return
	}
	answer(w, http.StatusAccepted, result)
}

func (s *standIn) sendBatch(w http.ResponseWriter, r *http.Request) {
	var batch struct {
		Messages []map[string]any `json:"messages"`
	}
	if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
		answerProblem(w, http.StatusBadRequest, "invalid_request", err.Error())
		return
	}
	results := make([]map[string]any, len(batch.Messages))
	for i, message := range batch.Messages {
		key, _ := message["idempotency_key"].(string)
		results[i] = s.accept(message, key)
		results[i]["index"] = i
	}
	s.mutex.Lock()
	s.batches = append(s.batches, len(batch.Messages))
	s.mutex.Unlock()
	answer(w, http.StatusAccepted, map[string]any{"results": results})
}

func (s *standIn) get(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	message, found := s.texts[r.PathValue("id")]
	s.mutex.Unlock()
	if !found {
		answerProblem(w, http.StatusNotFound, "not_found", "no message has this id")
		return
	}
	to := fmt.Sprint(message["to"])
	result := map[string]any{"id": r.PathValue("id"), "status": "sent", "to": to, "send_count": 1}
	switch {
	case strings.HasPrefix(to, "+1555"):
		result["status"] = "queued"
	case strings.HasPrefix(to, "+1666"):
		result["status"] = "rejected"
		result["last_error"] = map[string]any{"class": "blocked_content", "code": "30007", "message": "change the text"}
	}
	answer(w, http.StatusOK, result)
}

func answerProblem(w http.ResponseWriter, status int, code, detail string) {
	answer(w, status, map[string]any{"title": http.StatusText(status), "status": status, "code": code, "detail": detail})
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

// result is how a command ended.
type result struct {
	code           int
	stdout, stderr string
}

// run runs a command against the stand-in.
func (s *standIn) run(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	return runCommand(t, map[string]string{"COURIER_SERVER": s.URL}, stdin, args...)
}

func runCommand(t *testing.T, env map[string]string, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr strings.Builder
	environ := make([]string, 0, len(env))
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	code := Run(t.Context(), Process{
		Args: args, Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr, Version: "v0.0.0-test",
		Environ: environ,
	})
	return result{code, stdout.String(), stderr.String()}
}
