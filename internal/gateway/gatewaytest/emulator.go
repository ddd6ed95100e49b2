package gatewaytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"courier"
)

// answerOK is the answer to a request that has nothing wrong.
const answerOK = "ok"

// EmulatorOptions describe an emulator.
type EmulatorOptions struct {
	// Source is the text of emulator.yaml.
	Source string
	// AnswerCodes and ReceiptCodes are the provider's codes and what they mean.
	AnswerCodes, ReceiptCodes map[string]string
	// Params are the account's parameters. With nil every account is taken, and its
	// parameters are learned from its requests.
	Params map[string]string
	// ReceiptURL is where receipts go when a request names no address.
	ReceiptURL string
	// ReceiptForm is the way in which the account has its receipts, of ReceiptForms; 0 is the first.
	ReceiptForm int
	// PlainNumbers gives no recipient an answer or a report of its own.
	PlainNumbers bool
	// OnMessageFunc is told of each message that was taken, before the answer is written.
	OnMessageFunc func(Message)
	// Options are those of the handler below. BehaviorFunc and Default are the emulator's.
	Options Options
}

// Emulator is a provider that takes a request only if the real one would. It is safe
// for concurrent use. What is scripted on its Handler comes first.
type Emulator struct {
	*Handler
	spec    *emulation
	options EmulatorOptions

	mu       sync.Mutex
	script   []string
	answerTo map[string]string
	reportTo map[string]string
	learned  map[string]string
	messages []Message
}

// Message is a text message that an emulator took.
type Message struct {
	// IDs are the provider's names for it, more than one where each part has its own.
	IDs []string
	// To and the others are as the request has them.
	To, From, Text, Reference, Callback string
	Segments                            int
}

// NewEmulator returns a provider that behaves as its description says.
func NewEmulator(options EmulatorOptions) (*Emulator, error) {
	spec, err := parseEmulation(options.Source)
	if err != nil {
		return nil, err
	}
	e := &Emulator{spec: spec, options: options, learned: map[string]string{}}
	for name := range e.all() {
		if _, err := e.answerNamed(name); err != nil {
			return nil, err
		}
	}
	e.answerTo, e.reportTo = map[string]string{}, map[string]string{}
	if !options.PlainNumbers {
		e.answerTo, e.reportTo = numbers(answerAreas, e.Answers()), numbers(reportAreas, e.Reports())
	}
	options.Options.BehaviorFunc = e.behave
	e.Handler = New(options.Options)
	return e, nil
}

// all are the names of answers that rules refer to.
func (e *Emulator) all() map[string]bool {
	all := map[string]bool{}
	for _, name := range e.spec.Request.Refuse {
		all[name] = true
	}
	for _, rules := range []map[string]fieldRule{e.spec.Request.Fields, e.spec.Request.Query} {
		for _, rule := range rules {
			all[rule.Missing], all[rule.Wrong] = true, true
		}
	}
	delete(all, "")
	return all
}

// Answers are the names of the answers that it can give, but for "ok", sorted.
func (e *Emulator) Answers() []string {
	names := slices.Collect(maps.Keys(e.spec.Answers))
	names = slices.AppendSeq(names, maps.Keys(e.options.AnswerCodes))
	names = slices.DeleteFunc(names, func(name string) bool { return name == answerOK })
	slices.Sort(names)
	return slices.Compact(names)
}

// The area codes of the recipients that get an answer or a report of their own.
const (
	answerAreas = 206
	reportAreas = 310
)

// AnswerNumbers are the recipients that get an answer of their own, with its name.
func (e *Emulator) AnswerNumbers() map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.answerTo)
}

// ReportNumbers are the recipients that get a report of their own, with its name.
func (e *Emulator) ReportNumbers() map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.reportTo)
}

// numbers gives each name a recipient from +1 AREA 555 0101, which belong to nobody.
func numbers(area int, names []string) map[string]string {
	const room = 99
	all := make(map[string]string, len(names))
	for i, name := range names {
		all[fmt.Sprintf("+1%d55501%02d", area+i/room, i%room+1)] = name
	}
	return all
}

// Answer gives each of the next requests the answer of a name, if it has nothing wrong.
func (e *Emulator) Answer(names ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.script = append(e.script, names...)
}

// AnswerTo gives each request for a recipient the answer of a name.
func (e *Emulator) AnswerTo(to, name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answerTo[to] = name
}

// Messages are those that were taken.
func (e *Emulator) Messages() []Message {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.messages)
}

// Gives returns what a courier must make of an answer, and whether it is a success.
func (e *Emulator) Gives(name string) (gives Verdict, success bool) {
	answer, err := e.answerNamed(name)
	if err != nil {
		return Verdict{}, false
	}
	return answer.Gives, answer.Status < http.StatusMultipleChoices
}

// behave checks a request and decides on the answer.
func (e *Emulator) behave(r *http.Request) Behavior {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return Behavior{Status: http.StatusBadRequest}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	request := &emulated{e: e, request: r, body: body, values: map[string]any{}}
	name := request.violation()
	message := request.message()
	if name == "" {
		name = e.choose(message.To)
	}
	answer, err := e.answerNamed(name)
	if err != nil {
		return Behavior{Status: http.StatusInternalServerError, Body: []byte(err.Error())}
	}
	return e.write(request, message, name, answer)
}

// choose returns the answer to a request that has nothing wrong.
func (e *Emulator) choose(to string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.script) > 0 {
		name := e.script[0]
		e.script = e.script[1:]
		return name
	}
	if name, ok := e.answerTo["+"+digitsOf(to)]; ok {
		return name
	}
	return answerOK
}

// answerNamed returns an answer by its name, or that with a code.
func (e *Emulator) answerNamed(name string) (emulatedAnswer, error) {
	if answer, ok := e.spec.Answers[name]; ok {
		return answer, nil
	}
	if _, ok := e.options.AnswerCodes[name]; !ok {
		return emulatedAnswer{}, fmt.Errorf("emulator.yaml: there is no answer %q", name)
	}
	answer := e.spec.Error
	if status := e.spec.Statuses[name]; status != 0 {
		answer.Status = status
	}
	return answer, nil
}

// SampleAnswer returns the answer of a name, or answerOK, to a message, which is not taken.
func (e *Emulator) SampleAnswer(message Message, name string) (Behavior, error) {
	answer, err := e.answerNamed(name)
	if err != nil {
		return Behavior{}, err
	}
	behavior, _ := e.fill(message, nil, name, answer)
	return behavior, nil
}

// fill fills an answer. The filler knows the ids that the message got.
func (e *Emulator) fill(message Message, values map[string]any, name string, answer emulatedAnswer) (Behavior, *filler) {
	f := e.filler(message)
	for range max(message.Segments, 1) {
		f.ids = append(f.ids, f.text(e.spec.ID))
	}
	maps.Copy(f.values, values)
	f.values["status"] = strconv.Itoa(answer.Status)
	means, isCode := e.options.AnswerCodes[name]
	if isCode {
		f.values["code"], f.values["means"] = name, means
	}
	behavior := Behavior{Status: answer.Status, Header: http.Header{}, Body: []byte{}}
	for header, value := range answer.Headers {
		behavior.Header.Set(header, f.text(value))
	}
	switch {
	case answer.Text != nil:
		behavior.Body = []byte(f.text(*answer.Text))
		if behavior.Header.Get("Content-Type") == "" {
			behavior.Header.Set("Content-Type", "text/plain; charset=utf-8")
		}
	case answer.JSON != nil:
		value, _ := f.fill(answer.JSON)
		behavior.Body, _ = json.Marshal(value)
	}
	return behavior, f
}

// write fills an answer and notes the message that it takes.
func (e *Emulator) write(request *emulated, message Message, name string, answer emulatedAnswer) Behavior {
	behavior, f := e.fill(message, request.values, name, answer)
	_, isCode := e.options.AnswerCodes[name]
	_, isNamed := e.spec.Answers[name]
	if answer.Status < http.StatusMultipleChoices && answer.Gives.Class == "" && (isNamed || !isCode) {
		message.IDs = f.ids
		if !f.eachUsed {
			message.IDs = f.ids[:1]
		}
		e.take(request, message)
		behavior.taken = &message
	}
	return behavior
}

func (e *Emulator) take(request *emulated, message Message) {
	e.mu.Lock()
	e.messages = append(e.messages, message)
	if keep := e.options.Options.Keep; keep > 0 && len(e.messages) > keep {
		e.messages = e.messages[len(e.messages)-keep:]
	}
	maps.Copy(e.learned, request.learned)
	e.mu.Unlock()
	if e.options.OnMessageFunc != nil {
		e.options.OnMessageFunc(message)
	}
}

// param returns a parameter of the account.
func (e *Emulator) param(name string) (string, bool) {
	if e.options.Params != nil {
		value, ok := e.options.Params[name]
		return value, ok && value != ""
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	value, ok := e.learned[name]
	return value, ok
}

// segmentsOf counts the parts of a text.
func segmentsOf(text string) int {
	_, segments := courier.CountSegments(text)
	return segments
}
