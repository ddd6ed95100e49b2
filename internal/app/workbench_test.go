package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"courier"
	"courier/internal/config"
	"courier/internal/httpapi"
)

func bench(t *testing.T) *workbench {
	t.Helper()
	cfg := &config.Config{}
	return &workbench{configFunc: func() *config.Config { return cfg }, nowFunc: time.Now, free: make(chan struct{}, 1)}
}

func try(t *testing.T, w *workbench, trial httpapi.TrialRequest) *httpapi.TrialResult {
	t.Helper()
	result, err := w.Try(t.Context(), &trial)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// TestWorkbench_Presets tries each preset with what it is loaded with.
func TestWorkbench_Presets(t *testing.T) {
	t.Parallel()
	w := bench(t)
	presets, err := w.Presets()
	if err != nil || len(presets) < 20 {
		t.Fatalf("%d presets, %v", len(presets), err)
	}
	for _, p := range presets {
		result := try(t, w, httpapi.TrialRequest{
			Preset: p.Name, Params: p.Params, Request: &p.Request, Query: &p.Query, Response: &p.Response, Receipt: &p.Receipt,
			Message: &httpapi.TrialMessageRequest{To: "+12065550199", Body: "Your code is 123456"}, Answer: &httpapi.TrialAnswerRequest{Status: 401},
		})
		if len(result.Faults) > 0 || result.Request == nil || result.Verdict == nil || result.Verdict.Outcome != courier.OutcomeGatewayDown {
			t.Errorf("%s: %+v, %+v, %+v", p.Name, result.Faults, result.Request, result.Verdict)
		}
		if !strings.Contains(result.YAML, "preset: "+p.Name) {
			t.Errorf("%s: %s", p.Name, result.YAML)
		}
	}
}

// TestWorkbench_Samples tries what each provider documents that it answers and reports: the
// first answer is a success, a code is found, and one of the receipts is of a delivery.
func TestWorkbench_Samples(t *testing.T) {
	t.Parallel()
	w := bench(t)
	presets, err := w.Presets()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range presets {
		samples, err := w.Samples(t.Context(), p.Name)
		if err != nil || len(samples.Answers) < 2 || (len(samples.Receipts) == 0) != (p.Receipt == "") {
			t.Fatalf("%s: %+v, %v", p.Name, samples, err)
		}
		trial := httpapi.TrialRequest{Preset: p.Name, Answer: &samples.Answers[0].Answer}
		for i := range samples.Receipts {
			if r := &samples.Receipts[i]; strings.Contains(strings.ToLower(r.Name), "deliv") || trial.Call == nil {
				trial.Call = &r.Call
			}
		}
		result := try(t, w, trial)
		if len(result.Faults) > 0 || result.Verdict == nil || result.Verdict.Outcome != courier.OutcomeAccepted || (len(result.Receipts) == 0) != (p.Receipt == "") {
			t.Errorf("%s: %+v and %+v are %+v and %+v, %+v", p.Name, samples.Answers[0], trial.Call, result.Verdict, result.Receipts, result.Faults)
		}
	}
	if _, err := w.Samples(t.Context(), "nobody"); courier.CodeOf(err) != courier.CodeNotFound {
		t.Errorf("of nobody: %v", err)
	}
}

// TestWorkbench_Own shows what templates of one's own make of a message, an answer and a
// receipt, and the YAML to use them.
func TestWorkbench_Own(t *testing.T) {
	t.Parallel()
	request, response := "function(ctx) { to: ctx.to, text: ctx.body, id: ctx.params.account }", "function(res) { class: if res.json.failure == 7 then 'opted_out', id: std.get(res.json, 'id') }"
	receipt := "function(req) { id: req.form.id, status: 'delivered' }"
	result := try(t, bench(t), httpapi.TrialRequest{
		URL: "https://sms.example.com/send", Headers: map[string]string{"X-Api-Key": "sesame", "X-Shop": "a"}, Params: map[string]string{"account": "A1"},
		Request: &request, Response: &response, Receipt: &receipt,
		Message: &httpapi.TrialMessageRequest{To: "+12065550199", Body: "Hi"},
		Answer:  &httpapi.TrialAnswerRequest{Status: 200, Body: `{"failure":7}`}, Call: &httpapi.TrialCallRequest{Body: "id=x1"},
	})
	if result.Request == nil || result.Request.Body != `{"id":"A1","text":"Hi","to":"+12065550199"}` || !strings.HasPrefix(result.Request.Curl, "curl ") {
		t.Errorf("request %+v, faults %+v", result.Request, result.Faults)
	}
	if v := result.Verdict; v == nil || v.Outcome != courier.OutcomeRejected || v.Class != courier.ClassOptedOut || v.Advice == "" {
		t.Errorf("verdict %+v", v)
	}
	if r := result.Receipts; len(r) != 1 || r[0].GatewayMessageID != "x1" || r[0].Status != courier.StatusDelivered {
		t.Errorf("receipts %+v", r)
	}
	// The YAML is one that a courier takes, once the templates are saved.
	dir := t.TempDir()
	for name, text := range map[string]string{"request.jsonnet": request, "response.jsonnet": response, "receipt.jsonnet": receipt} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(result.YAML, "sesame") {
		t.Error("the YAML holds a secret")
	}
	text := strings.NewReplacer("file://./", "file://"+dir+"/", "env://X_API_KEY", "sesame", "env://RECEIPT_SECRET", "a-long-random-text").Replace(result.YAML)
	if err := Check(t.Context(), load(t, text)); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestWorkbench_Faults points at the line and column of what is wrong, and goes on with
// what is not. No reference is followed: it could show a file or a secret of the courier.
func TestWorkbench_Faults(t *testing.T) {
	t.Parallel()
	broken, failing, own := "function(ctx) {\n  to: ctx.\n}", "function(res) {\n  class: res.json.nothing.x,\n}", "function(ctx) { k: ctx.params.key }"
	result := try(t, bench(t), httpapi.TrialRequest{
		Request: &broken, Response: &failing, Message: &httpapi.TrialMessageRequest{To: "+12065550199", Body: "Hi"}, Answer: &httpapi.TrialAnswerRequest{Status: 503},
	})
	if len(result.Faults) != 2 || result.Faults[0].Where != "request" || result.Faults[0].Line != 3 || result.Faults[1].Where != "response" || result.Faults[1].Line != 2 || result.Faults[1].Column == 0 {
		t.Errorf("faults %+v", result.Faults)
	}
	if result.Request != nil || result.Verdict == nil || result.Verdict.Outcome != courier.OutcomeRetry {
		t.Errorf("request %+v, verdict %+v", result.Request, result.Verdict)
	}
	result = try(t, bench(t), httpapi.TrialRequest{
		URL: "file:///etc/passwd", Params: map[string]string{"key": "env://PATH"}, Request: &own, Message: &httpapi.TrialMessageRequest{To: "+12065550199", Body: "Hi"},
	})
	if len(result.Faults) != 1 || result.Faults[0].Where != "url" {
		t.Errorf("faults %+v", result.Faults)
	}
	result = try(t, bench(t), httpapi.TrialRequest{Params: map[string]string{"key": "env://PATH"}, Request: &own, Message: &httpapi.TrialMessageRequest{To: "+12065550199", Body: "Hi"}})
	if result.Request == nil || result.Request.Body != `{"k":"env://PATH"}` {
		t.Errorf("%+v, %+v", result.Request, result.Faults)
	}
	receipt := "function(req) { id: 'x', status: 'delivered' }"
	result = try(t, bench(t), httpapi.TrialRequest{Receipt: &receipt, Call: &httpapi.TrialCallRequest{Body: " \n"}})
	if len(result.Faults) != 0 || len(result.Receipts) != 1 {
		t.Errorf("a call of blanks: %+v, %+v", result.Receipts, result.Faults)
	}
	if _, err := bench(t).Try(t.Context(), &httpapi.TrialRequest{Preset: "twillio"}); courier.CodeOf(err) != courier.CodeInvalidRequest {
		t.Error(err)
	}
}

// TestWorkbench_Reload has the presets of the folder that the configuration in force names.
func TestWorkbench_Reload(t *testing.T) {
	t.Parallel()
	w := bench(t)
	if _, err := w.Presets(); err != nil {
		t.Fatal(err)
	}
	changed := &config.Config{PresetsDir: filepath.Join(t.TempDir(), "none")}
	w.configFunc = func() *config.Config { return changed }
	if _, err := w.Presets(); err == nil {
		t.Error("the folder of before is read")
	}
}
