package dispatch_test

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"courier"
	"courier/internal/dispatch"
	"courier/internal/store"
)

// gather returns the value of each series, or the count of a histogram.
func gather(t *testing.T, registry prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]float64)
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := family.GetName()
			for _, label := range metric.GetLabel() {
				name += "," + label.GetName() + "=" + label.GetValue()
			}
			values[name] = metric.GetGauge().GetValue() + metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return values
}

func TestEngine_Metrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, registry := newMemory(), prometheus.NewPedanticRegistry()
		gateway, current := switchGateway(accepted())
		options := newOptions(memory, gateway)
		options.Registerer = registry
		engine := start(t, options)
		pass(time.Second)
		enqueue(t, engine, newMessages(3)...)
		synctest.Wait()
		current(down())
		enqueue(t, engine, newMessages(3)...)
		synctest.Wait()
		enqueue(t, engine, newMessages(4)...)
		pass(400 * time.Millisecond)
		want := map[string]float64{
			"courier_attempts_total,gateway=sms,outcome=accepted":         3,
			"courier_attempts_total,gateway=sms,outcome=canceled":         0,
			"courier_attempts_total,gateway=sms,outcome=gateway_down":     3,
			"courier_attempts_total,gateway=sms,outcome=rejected":         0,
			"courier_attempts_total,gateway=sms,outcome=retry":            0,
			"courier_attempts_total,gateway=sms,outcome=unknown":          0,
			"courier_attempt_duration_seconds,gateway=sms":                6,
			"courier_accept_to_gateway_seconds,gateway=sms":               6,
			"courier_enqueue_seconds":                                     3,
			"courier_settle_batch_size":                                   2,
			"courier_late_settles_total":                                  0,
			"courier_expired_total":                                       0,
			"courier_scrubbed_total":                                      0,
			"courier_purged_total":                                        0,
			"courier_in_flight,gateway=sms":                               0,
			"courier_in_flight_limit,gateway=sms":                         64,
			"courier_unsettled,gateway=sms":                               0,
			"courier_learned_rate,gateway=sms":                            0,
			"courier_breaker_state,gateway=sms":                           2,
			"courier_queue_depth,status=queued":                           7,
			"courier_waiting,gateway=sms,lane=normal":                     7,
			"courier_waiting,gateway=sms,lane=otp":                        0,
			"courier_waiting,gateway=sms,lane=bulk":                       0,
			"courier_lane_oldest_due_age_seconds,gateway=sms,lane=otp":    0,
			"courier_lane_oldest_due_age_seconds,gateway=sms,lane=bulk":   0,
			"courier_lane_oldest_due_age_seconds,gateway=sms,lane=normal": 0.4,
			"courier_queue_depth,status=processing":                       0,
			"courier_queue_depth,status=unknown":                          0,
			"courier_oldest_due_age_seconds":                              0.4,
			"courier_nodes":                                               1,
			"courier_keeper":                                              1,
			"courier_gateway_degraded,gateway=sms":                        0,
			"courier_reclaimed_total":                                     0,
			"courier_messages_superseded_total":                           0,
			"courier_rate_wait_seconds_total,gateway=sms":                 0,
			"courier_gateway_paused,gateway=sms":                          0,
		}
		got := gather(t, registry)
		if batches := got["courier_settle_batch_size"]; batches < 2 || batches > 6 {
			t.Errorf("6 outcomes were written in %v batches", batches)
		}
		got["courier_settle_batch_size"] = 2
		if !maps.Equal(got, want) {
			t.Errorf("metrics are %v, want %v", got, want)
		}
	})
}

func TestEngine_MetricsAskTheStoreRarely(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, registry := newMemory(), prometheus.NewRegistry()
		options := newOptions(memory, newGateway("sms", answer(accepted())))
		options.Registerer = registry
		start(t, options)
		for range 10 {
			gather(t, registry)
		}
		if got := memory.count("stats"); got != 1 {
			t.Errorf("the store was asked %d times in an instant, want once", got)
		}
		pass(time.Second)
		memory.fail(failOp("stats", store.ErrUnavailable))
		got := gather(t, registry)
		_, queue := got["courier_queue_depth,status=queued"]
		_, breaker := got["courier_breaker_state,gateway=sms"]
		if queue || !breaker {
			t.Errorf("with a store that fails there are %v, want all but those of the queue", got)
		}
	})
}

func TestNew_RegistersAllMetricsOrNone(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	options := newOptions(newMemory(), newGateway("sms", answer(accepted())))
	options.Registerer = registry
	taken := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "courier_enqueue_seconds", Help: "Time to store the messages of one call durably.",
	})
	registry.MustRegister(taken)
	if _, err := newEngine(options); err == nil {
		t.Fatal("the name was taken and nothing said")
	}
	registry.Unregister(taken)
	if _, err := newEngine(options); err != nil {
		t.Errorf("after the failure: %v", err)
	}
}

func TestEngine_TracesAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		recorder := tracetest.NewSpanRecorder()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
		traced := func(o *dispatch.Options) { o.TracerProvider = provider }
		gateway, current := switchGateway(failing())
		m := newMessage(func(m *courier.Message) {
			m.TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		})
		memory := newMemory()
		options := newOptions(memory, gateway)
		traced(&options)
		engine := start(t, options)
		pass(time.Second)
		enqueue(t, engine, m)
		synctest.Wait()
		current(accepted())
		pass(time.Minute)
		spans := recorder.Ended()
		if len(spans) != 2 {
			t.Fatalf("%d spans, want 2", len(spans))
		}
		for i, span := range spans {
			if span.SpanContext().TraceID().String() != "0af7651916cd43dd8448eb211c80319c" || span.Parent().SpanID().String() != "b7ad6b7169203331" {
				t.Errorf("span %d is not in the trace of the message", i)
			}
		}
		if spans[0].Status().Code != codes.Error || spans[1].Status().Code == codes.Error {
			t.Errorf("statuses are %v and %v, want an error and none", spans[0].Status(), spans[1].Status())
		}
		wantAttributes(t, spans[0].Attributes(), map[attribute.Key]string{
			"courier.message_id": m.ID.String(), "courier.gateway": "sms", "courier.channel": "sms", "courier.attempt": "1",
			"courier.outcome": "retry", "courier.class": "gateway_error", "courier.status": "queued", "http.response.status_code": "500",
		})
	})
}

// wantAttributes compares attributes, of which there may be no others.
func wantAttributes(t *testing.T, got []attribute.KeyValue, want map[attribute.Key]string) {
	t.Helper()
	texts := make(map[attribute.Key]string)
	for _, pair := range got {
		texts[pair.Key] = pair.Value.String()
	}
	if !maps.Equal(texts, want) {
		t.Errorf("attributes are %v, want %v", texts, want)
	}
}
