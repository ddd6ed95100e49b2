package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"

	"courier"
	"courier/internal/gateway/gatewaytest"
	"courier/internal/gateway/preset"
	"courier/internal/httpapi"
)

// Samples implements httpapi.Workbench. The emulator of the preset makes them, as it does
// for courier inbox.
func (w *workbench) Samples(ctx context.Context, name string) (*httpapi.PresetSamples, error) {
	set, err := w.presets()
	if err != nil {
		return nil, fmt.Errorf("read presets: %w", err)
	}
	chosen, err := set.Get(name)
	if err != nil {
		return nil, &courier.Error{Code: courier.CodeNotFound, Message: err.Error()}
	}
	samples := &httpapi.PresetSamples{Answers: []httpapi.SampleAnswer{}, Receipts: []httpapi.SampleCall{}}
	if chosen.Emulator == "" {
		return samples, nil
	}
	if err := w.emulate(ctx, chosen, samples); err != nil {
		return nil, fmt.Errorf("make samples of %s: %w", name, err)
	}
	return samples, nil
}

func (w *workbench) emulate(ctx context.Context, chosen *preset.Preset, samples *httpapi.PresetSamples) error {
	answers, receipts := chosen.Errors.AnswerMeanings(), chosen.Errors.ReceiptMeanings()
	emulator, err := gatewaytest.NewEmulator(gatewaytest.EmulatorOptions{
		Source: chosen.Emulator, AnswerCodes: answers, ReceiptCodes: receipts, Params: chosen.Examples(), PlainNumbers: true,
		ReceiptURL: trialURL + "/receipts/" + trialGateway, Options: gatewaytest.Options{NowFunc: w.nowFunc},
	})
	if err != nil {
		return err
	}
	message := gatewaytest.Message{To: "+12065550100", From: "+12065550110", Text: "Your code is 123456", Reference: sampleReference, Segments: 1}
	for _, name := range append([]string{"ok"}, emulator.Answers()...) {
		answer, err := emulator.SampleAnswer(message, name)
		if err != nil {
			return err
		}
		samples.Answers = append(samples.Answers, httpapi.SampleAnswer{
			SampleName: httpapi.SampleName{Name: name, Means: answers[name]},
			Answer:     httpapi.TrialAnswerRequest{Status: cmp.Or(answer.Status, http.StatusOK), Headers: flat(answer.Header), Body: string(answer.Body)},
		})
	}
	for _, name := range emulator.Reports() {
		request, err := emulator.SampleReceipt(ctx, message, name)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return err
		}
		samples.Receipts = append(samples.Receipts, httpapi.SampleCall{
			SampleName: httpapi.SampleName{Name: name, Means: receipts[name]},
			Call:       httpapi.TrialCallRequest{Method: request.Method, Query: request.URL.RawQuery, Headers: flat(request.Header), Body: string(body)},
		})
	}
	return nil
}

// sampleReference is the id of the message that samples are about.
const sampleReference = "0190163d-8694-739b-aea5-966c26f8ad91"

// flat returns the first value of each header.
func flat(header http.Header) map[string]string {
	values := map[string]string{}
	for name := range header {
		values[name] = header.Get(name)
	}
	return values
}
