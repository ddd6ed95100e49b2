package preset

import (
	"encoding/json"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"courier/internal/jsonnet"
)

// BenchmarkPreset is the cost of a message by every preset: its request, signed where the
// provider wants it, and the verdict on the answer.
func BenchmarkPreset(b *testing.B) {
	set, err := loadOurs()
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range set.Names() {
		p, _ := set.Get(name)
		b.Run(name, func(b *testing.B) {
			bench := newBench(b, p, "default", 0)
			m := message("+12065550100", "Your login code is: 123456")
			m.ExpiresAt, m.From = now().Add(10*time.Minute), bench.config.From
			rendered, err := bench.gateway.Render(b.Context(), m)
			if err != nil {
				b.Fatal(err)
			}
			answer := httptest.NewRecorder()
			bench.emulator.ServeHTTP(answer, rendered.HTTP(b.Context()))
			res := map[string]any{"status": float64(answer.Code), "headers": map[string]any{}, "errors": plain(p.Errors.Answers())}
			text, err := io.ReadAll(answer.Body)
			if err != nil || answer.Code >= 300 {
				b.Fatal(answer.Code, err)
			}
			res["text"] = strings.TrimSpace(string(text))
			pool := jsonnet.NewPool(jsonnet.Options{Workers: 1, Timeout: time.Minute, StartTimeout: time.Minute})
			response, err := pool.CompileFunc(b.Context(), "res", p.Name, []byte(p.Templates.Response))
			if err != nil || pool.Close(b.Context()) != nil { // without a pool there are plans only
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bench.gateway.Render(b.Context(), m); err != nil {
					b.Fatal(err)
				}
				var value any
				if err := json.Unmarshal(text, &value); err != nil {
					b.Fatal(err)
				}
				res["json"] = value
				if _, err := response.Evaluate(b.Context(), res); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
