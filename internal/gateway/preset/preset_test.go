package preset

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"courier"
	"courier/internal/gateway"
	"courier/internal/gateway/gatewaytest"
	"courier/internal/jsonnet"
	"courier/internal/signature"
)

func TestMain(m *testing.M) {
	jsonnet.ServeIfChild()
	m.Run()
}

func isUpdate() bool { return flag.Lookup("update").Value.String() == "true" }

var _ = flag.Bool("update", false, "write the golden files and the pages")

// now is the clock of all tests.
func now() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) }

const publicURL = "https://sms.example.com"

// loadOurs loads the presets of this program.
var loadOurs = sync.OnceValues(func() (*Set, error) { return Load("") }) //nolint:gochecknoglobals // once for all tests

// compiled are the templates of a preset, in force.
type compiled struct{ request, query, response, receipt, lookup, found *gateway.Template }

// compileAll compiles the templates of all presets. The pool is closed then: what has no plan fails.
var compileAll = sync.OnceValues(func() (map[string]compiled, error) { //nolint:gochecknoglobals // once for all tests
	ctx := context.Background()
	set, err := loadOurs()
	if err != nil {
		return nil, err
	}
	pool := jsonnet.NewPool(jsonnet.Options{Workers: 1, Timeout: time.Minute, StartTimeout: time.Minute})
	all := map[string]compiled{}
	for _, name := range set.Names() {
		p, _ := set.Get(name)
		one := func(argument, source string) *gateway.Template {
			if source == "" {
				return nil
			}
			template, compileErr := pool.CompileFunc(ctx, argument, name, []byte(source))
			if compileErr != nil {
				err = compileErr
				return nil
			}
			return gateway.NewTemplate(template)
		}
		t := p.Templates
		all[name] = compiled{one("ctx", t.Request), one("ctx", t.Query), one("res", t.Response), one("req", t.Receipt), one("ctx", t.Lookup), one("res", t.Found)}
	}
	if closeErr := pool.Close(ctx); err == nil {
		err = closeErr
	}
	return all, err
})

// config is a configuration in testdata/NAME.
type config struct {
	From          string            `yaml:"from"`
	Params        map[string]string `yaml:"params"`
	ReceiptSecret string            `yaml:"receipt_secret"`
}

func readConfig(tb testing.TB, preset, name string) Config {
	tb.Helper()
	path := filepath.Join("testdata", preset, name+".yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var c config
	if err := decode(path, text, &c); err != nil {
		tb.Fatal(err)
	}
	if c.Params["private_key"] == "generated" {
		c.Params["private_key"] = privateKey()
	}
	return Config{ID: "main", From: c.From, Params: c.Params, ReceiptSecret: c.ReceiptSecret, PublicURL: publicURL}
}

// privateKey is one for tests, in PEM.
var privateKey = sync.OnceValue(func() string { //nolint:gochecknoglobals // once for all tests
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
})

func build(tb testing.TB, p *Preset, c Config) (*gateway.Gateway, *gateway.Receiver) {
	tb.Helper()
	templates, err := compileAll()
	if err != nil {
		tb.Fatal(err)
	}
	built, err := p.Build(c)
	if err != nil {
		tb.Fatal(err)
	}
	t := templates[p.Name]
	options := built.Gateway
	options.Template, options.Query, options.NowFunc, options.Timeout = t.request, t.query, now, time.Minute
	if options.Response != nil {
		options.Response.Template = t.response
	}
	if t.lookup != nil {
		options.Lookup = &gateway.Lookup{Request: t.lookup, Response: t.found}
	}
	g, err := gateway.New(options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(g.Close)
	if built.Receiver == nil {
		return g, nil
	}
	built.Receiver.Template, built.Receiver.NowFunc = t.receipt, now
	r, err := gateway.NewReceiver(*built.Receiver)
	if err != nil {
		tb.Fatal(err)
	}
	return g, r
}

// message is the one message that tests send, to a recipient.
func message(to, body string) *courier.Message {
	m := &courier.Message{
		ID: courier.ID{0x01, 0x90, 0x16, 0x3d, 0x86, 0x94, 0x73, 0x9b, 0xae, 0xa5, 0x96, 0x6c, 0x26, 0xf8, 0xad, 0x91},
		To: to, Body: body,
	}
	m.Encoding, m.Segments = courier.CountSegments(body)
	return m
}

// eachPreset runs a test for every preset of ours.
func eachPreset(t *testing.T, test func(t *testing.T, p *Preset)) {
	t.Helper()
	set, err := loadOurs()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range set.Names() {
		p, _ := set.Get(name)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// TestPreset_Golden compares the requests of messages in testdata/messages with those in testdata/NAME.
func TestPreset_Golden(t *testing.T) {
	t.Parallel()
	eachPreset(t, func(t *testing.T, p *Preset) {
		t.Helper()
		configs, _ := filepath.Glob(filepath.Join("testdata", p.Name, "*.yaml"))
		messages, _ := filepath.Glob(filepath.Join("testdata", "messages", "*.json"))
		if !slices.Contains(configs, filepath.Join("testdata", p.Name, "default.yaml")) || len(messages) < 3 {
			t.Fatalf("configurations %v, messages %v", configs, messages)
		}
		for _, config := range configs {
			got := ""
			for _, path := range messages {
				c := readConfig(t, p.Name, strings.TrimSuffix(filepath.Base(config), ".yaml"))
				got += "### " + strings.TrimSuffix(filepath.Base(path), ".json") + "\n" + render(t, p, c, path) + "\n"
			}
			compareFile(t, strings.TrimSuffix(config, ".yaml")+".http", got)
		}
	})
}

// compareFile compares a text with a file, or writes it there.
func compareFile(t *testing.T, path, got string) {
	t.Helper()
	if isUpdate() {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (go test -update writes it): %s", path, diff)
	}
}

// render returns the request of a message in a file.
func render(t *testing.T, p *Preset, c Config, path string) string {
	t.Helper()
	var given struct {
		To, Body  string
		ExpiresIn int `json:"expires_in"`
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &given)
	}
	if err != nil {
		t.Fatal(err)
	}
	m := message(given.To, given.Body)
	m.From = c.From
	if given.ExpiresIn > 0 {
		m.ExpiresAt = now().Add(time.Duration(given.ExpiresIn)*time.Second + 900*time.Millisecond)
	}
	g, _ := build(t, p, c)
	rendered, err := g.Render(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return wire(t, rendered.HTTP(t.Context()))
}

// wire writes a request as a text, with its headers sorted.
func wire(t *testing.T, r *http.Request) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	text := r.Method + " " + r.URL.String() + "\n"
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			if token, ok := strings.CutPrefix(value, "Bearer ey"); ok && strings.Count(token, ".") == 2 {
				value = "Bearer (a JWT)" // it has a random id
			}
			text += name + ": " + value + "\n"
		}
	}
	return text + "\n" + string(body) + "\n"
}

// bench is a preset with the provider's emulator.
type bench struct {
	preset   *Preset
	config   Config
	emulator *gatewaytest.Emulator
	gateway  *gateway.Gateway
	receiver *gateway.Receiver
	// unsigned takes receipts without signatures.
	unsigned *gateway.Receiver
	// change has the provider write its answers otherwise.
	change func(value any) any
}

// ServeHTTP answers as the emulator does.
func (b *bench) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	recorder := httptest.NewRecorder()
	b.emulator.ServeHTTP(recorder, r)
	body := changed(recorder.Body.Bytes(), b.change)
	maps.Copy(w.Header(), recorder.Header())
	w.Header().Del("Content-Length")
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(body)
}

// changed changes an object or a list of JSON, and nothing else.
func changed(body []byte, change func(any) any) []byte {
	var value any
	if json.Unmarshal(body, &value) == nil && strings.ContainsAny(string(body[:1]), "{[") {
		body, _ = json.Marshal(change(value)) //nolint:errchkjson // it was JSON
	}
	return body
}

// asTexts writes numbers and booleans as texts.
func asTexts(value any) any {
	switch v := value.(type) {
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return within(value, asTexts)
}

// namesIn changes nothing and takes in the names of all objects.
func namesIn(names map[string]bool) func(any) any {
	var collect func(any) any
	collect = func(value any) any {
		if object, ok := value.(map[string]any); ok {
			for name := range object {
				names[name] = true
			}
		}
		return within(value, collect)
	}
	return collect
}

// withNulls gives every object the names as nulls that it does not have.
func withNulls(names map[string]bool) func(any) any {
	var change func(any) any
	change = func(value any) any {
		value = within(value, change)
		if object, ok := value.(map[string]any); ok {
			for name := range names {
				object[name] = object[name] //nolint:staticcheck // null where there was none
			}
		}
		return value
	}
	return change
}

// within changes what is in an object or a list.
func within(value any, change func(any) any) any {
	switch v := value.(type) {
	case map[string]any:
		for name := range v {
			v[name] = change(v[name])
		}
	case []any:
		for i := range v {
			v[i] = change(v[i])
		}
	}
	return value
}

func newBench(tb testing.TB, p *Preset, configuration string, form int) *bench {
	tb.Helper()
	b := &bench{preset: p, config: readConfig(tb, p.Name, configuration), change: func(value any) any { return value }}
	built, err := p.Build(b.config)
	if err != nil {
		tb.Fatal(err)
	}
	params := maps.Clone(b.config.Params)
	for name, param := range p.Params {
		if params[name] == "" && param.Default != "" {
			params[name] = param.Default
		}
	}
	b.emulator, err = gatewaytest.NewEmulator(gatewaytest.EmulatorOptions{
		Source: p.Emulator, AnswerCodes: p.Errors.AnswerMeanings(), ReceiptCodes: p.Errors.ReceiptMeanings(),
		Params: params, ReceiptURL: built.Gateway.ReceiptURL, ReceiptForm: form, Options: gatewaytest.Options{NowFunc: now},
	})
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewServer(b)
	tb.Cleanup(func() { b.emulator.Close(); server.Close() })
	c := b.config
	c.Params = maps.Clone(c.Params)
	if p.file.Request.URL == "{url}" { // the address is the user's own
		target, _ := url.Parse(c.Params["url"])
		c.Params["url"] = server.URL + target.RequestURI()
	}
	c.Params[baseURL] = server.URL
	b.gateway, b.receiver = build(tb, p, c)
	if built.Receiver == nil {
		return b
	}
	all, _ := compileAll()
	built.Receiver.Template, built.Receiver.NowFunc, built.Receiver.Verifiers = all[p.Name].receipt, now, nil
	if b.unsigned, err = gateway.NewReceiver(*built.Receiver); err != nil {
		tb.Fatal(err)
	}
	return b
}

func (b *bench) send(tb testing.TB, m *courier.Message) courier.Attempt {
	tb.Helper()
	m.From = b.config.From
	request, err := b.gateway.Render(tb.Context(), m)
	if err != nil {
		tb.Fatal(err)
	}
	return request.Send(tb.Context())
}

const long = "Ваш код для входа: 123456 😀. Он действителен 10 минут. Никому его не сообщайте, даже нам, и не отвечайте на это."

// TestPreset_Success sends what the emulator must take, with all ids that it gives.
func TestPreset_Success(t *testing.T) {
	t.Parallel()
	eachPreset(t, func(t *testing.T, p *Preset) {
		t.Helper()
		configs, _ := filepath.Glob(filepath.Join("testdata", p.Name, "*.yaml"))
		for _, config := range configs {
			b := newBench(t, p, strings.TrimSuffix(filepath.Base(config), ".yaml"), 0)
			for i, body := range []string{"Your code is 123456", long} {
				m := message("+12065550100", body)
				m.ExpiresAt = now().Add(10 * time.Minute)
				attempt := b.send(t, m)
				taken := b.emulator.Messages()
				if attempt.Outcome != courier.OutcomeAccepted || len(taken) != i+1 || taken[i].Text != body || taken[i].IDs[0] != attempt.GatewayMessageID {
					t.Errorf("%s: got %+v, taken %+v", config, attempt, taken)
					continue
				}
				if len(taken[i].IDs) > 1 && !slices.Equal(taken[i].IDs, attempt.GatewayMessageIDs) {
					t.Errorf("%s: got ids %v, want %v", config, attempt.GatewayMessageIDs, taken[i].IDs)
				}
			}
		}
	})
}

// TestPreset_Answers has the provider give each of its answers, also with numbers and
// booleans as texts and with null for what is left out: providers write them so in other
// versions.
func TestPreset_Answers(t *testing.T) {
	t.Parallel()
	eachPreset(t, func(t *testing.T, p *Preset) {
		t.Helper()
		b := newBench(t, p, "default", 0)
		names := map[string]bool{}
		checkAnswers(t, b, "", namesIn(names))
		checkAnswers(t, b, " as texts", asTexts)
		checkAnswers(t, b, " with nulls", withNulls(names))
	})
}

func checkAnswers(t *testing.T, b *bench, how string, change func(any) any) {
	t.Helper()
	b.change = change
	known := b.preset.Errors.Answers()
	for _, name := range b.emulator.Answers() {
		b.emulator.Answer(name)
		attempt := b.send(t, message("+12065550100", long))
		gives, success := b.emulator.Gives(name)
		if gives.Class == "" && gives.Outcome == "" && known[name].Class != "" {
			gives.Class, gives.Code, success = string(known[name].Class), name, false
		}
		outcome := courier.OutcomeAccepted
		switch {
		case gives.Outcome != "":
			outcome = courier.Outcome(gives.Outcome)
		case gives.Class != "":
			outcome, _ = courier.Class(gives.Class).Verdict()
		case !success:
			t.Errorf("%s: emulator.yaml says not what it gives", name)
		}
		if attempt.Outcome != outcome || string(attempt.Class) != gives.Class && gives.Class != "" ||
			attempt.Code != gives.Code && gives.Code != "" || (attempt.Warning != "") != gives.Warning ||
			attempt.RetryAfter.Seconds() != gives.RetryAfter || attempt.Code == "null" {
			t.Errorf("%s%s: got %s %s %q warning %q retry %v (HTTP %d, %s), want %s %+v", name, how, attempt.Outcome, attempt.Class, attempt.Code,
				attempt.Warning, attempt.RetryAfter, attempt.HTTPStatus, attempt.Message, outcome, gives)
		}
	}
}

// TestPreset_Receipts has the provider report all that it can report.
func TestPreset_Receipts(t *testing.T) {
	t.Parallel()
	eachPreset(t, func(t *testing.T, p *Preset) {
		t.Helper()
		if p.Templates.Receipt == "" {
			return
		}
		for form := range newBench(t, p, "default", 0).emulator.ReceiptForms() {
			checkReceipts(t, p, form)
		}
	})
}

func checkReceipts(t *testing.T, p *Preset, form int) {
	t.Helper()
	b := newBench(t, p, "default", form)
	m := message("+12065550100", long)
	if attempt := b.send(t, m); attempt.Outcome != courier.OutcomeAccepted {
		t.Fatalf("got %+v", attempt)
	}
	taken := b.emulator.Messages()[0]
	names := map[string]bool{}
	for _, name := range b.emulator.Reports() {
		for i, request := range receipts(t, b, taken, name) {
			changed(request.Body, namesIn(names))
			checkReceipt(t, b, name, taken.IDs[i], m.ID, b.receiver, request)
		}
	}
	for _, name := range b.emulator.Reports() {
		for _, change := range []func(any) any{asTexts, withNulls(names)} {
			for i, request := range receipts(t, b, taken, name) {
				request.Body = changed(request.Body, change)
				checkReceipt(t, b, name, taken.IDs[i], m.ID, b.unsigned, request)
			}
		}
	}
}

func checkReceipt(t *testing.T, b *bench, name, id string, ours courier.ID, receiver *gateway.Receiver, request *signature.Request) {
	t.Helper()
	report, err := b.emulator.Report(name)
	if err != nil {
		t.Fatal(err)
	}
	gives := report.Gives
	if code := b.preset.Errors.Receipts()[gives.Code]; gives.Code == name {
		gives.Class = string(code.Class)
		if code.Status != "" {
			gives.Status = string(code.Status)
		}
	}
	result, err := receiver.Receive(t.Context(), request)
	if err != nil {
		t.Errorf("%s: %v: %s", name, err, request.Body)
		return
	}
	if gives.Status == "" {
		if len(result.Receipts) > 0 {
			t.Errorf("%s: got %+v, want nothing", name, result.Receipts)
		}
		return
	}
	if len(result.Receipts) != 1 {
		t.Errorf("%s: got %+v, want one: %s", name, result.Receipts, request.Body)
		return
	}
	got := result.Receipts[0]
	isOurs := got.GatewayMessageID == id || got.GatewayMessageID == "" && got.MessageID == ours
	if !isOurs || string(got.Status) != gives.Status || string(got.Class) != gives.Class || gives.Code != "" && got.Code != gives.Code || got.Code == "null" {
		t.Errorf("%s: got %+v, want %+v: %s", name, got, gives, request.Body)
	}
}

// receipts are those that the provider sends, as the public listener sees them.
func receipts(t *testing.T, b *bench, m gatewaytest.Message, name string) []*signature.Request {
	t.Helper()
	sent, err := b.emulator.Receipts(t.Context(), m, name)
	if err != nil {
		t.Fatal(err)
	}
	requests := make([]*signature.Request, len(sent))
	for i, request := range sent {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Fatal(err)
		}
		request.RequestURI = request.URL.RequestURI()
		requests[i] = signature.NewRequest(request, publicURL, body)
	}
	return requests
}

// TestPreset_Signatures refuses receipts that are changed, unsigned, stale or signed by another.
func TestPreset_Signatures(t *testing.T) {
	t.Parallel()
	eachPreset(t, func(t *testing.T, p *Preset) {
		t.Helper()
		b := newBench(t, p, "default", 0)
		built, err := p.Build(b.config)
		if err != nil {
			t.Fatal(err)
		}
		if built.Receiver == nil {
			return
		}
		if len(built.Receiver.Verifiers) == 0 {
			if b.config.ReceiptSecret == "" || !strings.HasSuffix(built.Gateway.ReceiptURL, "/"+b.config.ReceiptSecret) {
				t.Errorf("receipts are neither signed nor secret: %s", built.Gateway.ReceiptURL)
			}
			return
		}
		m := message("+12065550100", "Your code is 123456")
		b.send(t, m)
		taken := b.emulator.Messages()[0]
		verifier := built.Receiver.Verifiers[0]
		fresh := func() *signature.Request { return receipts(t, b, taken, b.emulator.Reports()[0])[0] }
		if err := verifier.Verify(fresh(), now()); err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func(*signature.Request){
			"address": func(r *signature.Request) {
				r.URL = strings.Replace(r.URL, "/receipts/", "/receiptz/", 1)
				r.Query.Set("id", "x")
			},
			"unsigned": func(r *signature.Request) {
				for name := range r.Header {
					if name != "Content-Type" {
						r.Header.Del(name)
					}
				}
				r.Form.Del("sig")
				r.Query.Del("sig")
				if r.Header.Get("Content-Type") == "application/json" {
					var fields map[string]any
					if json.Unmarshal(r.Body, &fields) == nil {
						delete(fields, "sig")
						r.Body, _ = json.Marshal(fields)
					}
				}
			},
		} {
			r := fresh()
			change(r)
			if slices.Contains(b.skips(), name) {
				continue
			}
			if verifier.Verify(r, now()) == nil {
				t.Errorf("%s: it was taken for authentic", name)
			}
		}
		checkStale(t, p, verifier, fresh())
	})
}

// skips are the changes that a mechanism cannot notice.
func (b *bench) skips() []string {
	for _, verify := range b.preset.file.Receipts.Verify {
		if slices.Contains([]string{"jwt", "vonage_sig", "ed25519", "hmac", "standard_webhooks"}, verify.Kind) {
			return []string{"address"}
		}
	}
	return nil
}

func checkStale(t *testing.T, p *Preset, verifier signature.Verifier, r *signature.Request) {
	t.Helper()
	verify := p.file.Receipts.Verify[0]
	timeless := verify.Kind == "twilio" || verify.Kind == "plivo" || verify.Kind == "hmac" && verify.Settings["timestamp_header"] == ""
	if err := verifier.Verify(r, now().Add(6*time.Minute)); (err == nil) != timeless {
		t.Errorf("six minutes later: %v", err)
	}
}
