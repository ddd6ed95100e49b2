package preset

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write makes a folder of a user's with one preset, made of files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "mine"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, "mine", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const minePreset = `title: Mine
params:
  token: { doc: The token., required: true, secret: true, pattern: 'tok_\w+', example: tok_1 }
  region: { doc: Where., enum: [eu, us], default: eu }
  left: { doc: Left. }
  right: { doc: Right. }
needs: [[from, left right]]
pairs: [[left, right]]
request:
  method: POST
  url: https://{region}.example.com/send/{left}?x=1
  headers: { X-Left: "{left}", X-Region: "{region}" }
  auth: [{ type: header, name: Authorization, value: "Bearer {token}" }]
receipts:
  address: request
  verify: [{ when: [left], kind: header, header: X-Secret, secret: "{left}" }]
`

func minefiles(change func(map[string]string)) map[string]string {
	files := map[string]string{
		"preset.yaml": minePreset, "request.jsonnet": "function(ctx) { to: ctx.to }",
		"receipt.jsonnet": "function(req) null", "errors.yaml": `both: { "1": { class: throttled, means: Slower. } }`,
	}
	change(files)
	return files
}

// TestLoad_User names what is wrong with a user's folder.
func TestLoad_User(t *testing.T) {
	t.Parallel()
	edit := func(old, text string) func(map[string]string) {
		return func(files map[string]string) {
			if !strings.Contains(files["preset.yaml"], old) {
				t.Errorf("preset.yaml has no %q", old)
			}
			files["preset.yaml"] = strings.Replace(files["preset.yaml"], old, text, 1)
		}
	}
	for name, c := range map[string]struct {
		change func(map[string]string)
		want   string
	}{
		"Good":            {func(map[string]string) {}, ""},
		"NoPreset":        {func(files map[string]string) { delete(files, "preset.yaml") }, "has no preset.yaml"},
		"NoYAML":          {edit("title: Mine", "title: ["), "mine/preset.yaml: yaml:"},
		"UnknownKey":      {edit("receipts:", "reciepts:"), `mine/preset.yaml:14:1: there is no key "reciepts": did you mean "receipts"?`},
		"UnknownParamKey": {edit("required: true", "requird: true"), `there is no key "requird": did you mean "required"?`},
		"UnknownFile":     {func(files map[string]string) { files["recipt.jsonnet"] = "" }, `there is no file "recipt.jsonnet": did you mean "receipt.jsonnet"?`},
		"UnknownPlace":    {edit("{region}.example", "{regoin}.example"), `request.url: there is no parameter "regoin": did you mean "region"?`},
		"UnknownWhen":     {edit("when: [left]", "when: [lft]"), `verify[0]: there is no parameter "lft": did you mean "left"?`},
		"UnknownNeed":     {edit("[[from, left right]]", "[[form]]"), `needs[0]: there is no parameter "form": did you mean "from"?`},
		"UnknownType":     {edit("type: header", "type: heade"), `request.auth[0]: there is no type "heade": did you mean "header"?`},
		"AuthKey":         {edit("value: ", "valu: "), `value is missing`},
		"Address":         {edit("address: request", "address: requst"), `receipts: address: there is no way "requst": did you mean "request"?`},
		"NoReceiptRule":   {func(files map[string]string) { delete(files, "receipt.jsonnet") }, "receipts: receipt.jsonnet is missing"},
		"NoneAndRule":     {edit("address: request", "address: none"), "address is none, but"},
		"NoKind":          {edit("kind: header, ", ""), "verify[0]: kind is missing"},
		"NoDoc":           {edit("{ doc: Left. }", "{ example: x }"), "params.left: has no doc"},
		"BadPattern":      {edit(`tok_\w+`, `tok_(`), "params.token: pattern: "},
		"BadExample":      {edit("example: tok_1", "example: key_1"), "params.token: example does not fit"},
		"BadDefault":      {edit("default: eu", "default: de"), "params.region: default is not one of enum"},
		"OurSetting":      {edit("  left: {", "  receipt_secret: {"), "params.receipt_secret: is a setting of every gateway"},
		"NoMethod":        {edit("method: POST", "method: ''"), "request.method: is missing"},
		"Class":           {func(files map[string]string) { files["errors.yaml"] = `answer: { "1": { class: throtled, means: x } }` }, `errors.yaml: 1: there is no class "throtled": did you mean "throttled"?`},
		"Status":          {func(files map[string]string) { files["errors.yaml"] = `receipt: { "1": { status: expird, means: x } }` }, `there is no status "expird": did you mean "expired"?`},
		"CodeKey":         {func(files map[string]string) { files["errors.yaml"] = `receipt: { "1": { klass: x } }` }, `mine/errors.yaml:1:19: there is no key "klass"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := &Set{presets: map[string]*Preset{}}
			dir := write(t, minefiles(c.change))
			err := set.load(os.DirFS(dir), dir)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := set.Get("mine"); err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "there is no folder") {
		t.Errorf("a folder that does not exist: %v", err)
	}
}

// TestPreset_Build names each setting that cannot work, and fills the others in.
func TestPreset_Build(t *testing.T) {
	t.Parallel()
	set, err := Load(write(t, minefiles(func(map[string]string) {})))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.Get("twillio"); err == nil || !strings.Contains(err.Error(), `did you mean "twilio"?`) {
		t.Errorf("got %v", err)
	}
	p, _ := set.Get("mine")
	good := func(change func(*Config)) Config {
		c := Config{ID: "a b", From: "x", Params: map[string]string{"token": "tok_secret"}, ReceiptSecret: "s/1", PublicURL: "https://sms.example.com/base/"}
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		config Config
		want   []string
	}{
		"Unknown":     {good(func(c *Config) { c.Params["tokn"] = "x" }), []string{`params.tokn: there is no parameter of the preset mine "tokn": did you mean "token"?`}},
		"Missing":     {good(func(c *Config) { c.Params["token"] = "" }), []string{"params.token: is missing: The token."}},
		"Pattern":     {good(func(c *Config) { c.Params["token"] = "secret" }), []string{"params.token: does not look like one: The token. It looks like tok_1"}},
		"Enum":        {good(func(c *Config) { c.Params["region"] = "ue" }), []string{`params.region: there is no value "ue": did you mean "eu"?`}},
		"Need":        {good(func(c *Config) { c.From = "" }), []string{"from: is missing: give from, or left and right"}},
		"Pair":        {good(func(c *Config) { c.Params["left"] = "l" }), []string{"params.right: is missing: left needs it"}},
		"Secret":      {good(func(c *Config) { c.ReceiptSecret = "" }), []string{"receipt_secret: is missing: give a long random text, or left"}},
		"Base":        {good(func(c *Config) { c.Params["base_url"] = "example.com" }), []string{"params.base_url: is no address"}},
		"BasePath":    {good(func(c *Config) { c.Params["base_url"] = "https://example.com/x" }), []string{"params.base_url: has more than"}},
		"TwoAtATime":  {good(func(c *Config) { c.From = ""; c.Params["token"] = "secret" }), []string{"from: ", "params.token: "}},
		"NothingElse": {good(func(c *Config) { c.Params["token"] = "secret" }), []string{"params.token"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := p.Build(c.config)
			if err == nil {
				t.Fatal("got no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "secret\"") || strings.Count(err.Error(), "\n") >= len(c.want) {
				t.Errorf("got %q", err)
			}
		})
	}
	built, err := p.Build(good(func(c *Config) { c.Params["base_url"] = "http://127.0.0.1:1/" }))
	if err != nil {
		t.Fatal(err)
	}
	g := built.Gateway
	if g.URL != "http://127.0.0.1:1/send/?x=1" || len(g.Header) != 1 || g.Header["X-Region"] != "eu" || g.Params["left"] != nil {
		t.Errorf("got %+v", g)
	}
	if g.ReceiptURL != "https://sms.example.com/base/receipts/a%20b/s%2F1" {
		t.Errorf("got receipts at %s", g.ReceiptURL)
	}
	if _, shown := built.Receiver.Params["token"]; shown || len(built.Receiver.Verifiers) != 0 {
		t.Errorf("got %+v", built.Receiver)
	}
	with, err := p.Build(good(func(c *Config) {
		c.Params["left"], c.Params["right"], c.ReceiptSecret = "a/b", "r", ""
	}))
	if err != nil {
		t.Fatal(err)
	}
	if with.Gateway.URL != "https://eu.example.com/send/a%2Fb?x=1" || len(with.Receiver.Verifiers) != 1 {
		t.Errorf("got %s, %v", with.Gateway.URL, with.Receiver.Verifiers)
	}
}
