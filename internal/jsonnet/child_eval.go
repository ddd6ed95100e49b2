package jsonnet

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
)

// evaluator answers the requests of a worker. One virtual machine serves every
// evaluation: go-jsonnet builds a new interpreter, and with it a new standard
// library, for each call of Evaluate, and the machine itself holds only the
// argument that the next call replaces and an import cache that stays empty.
type evaluator struct {
	vm        *jsonnet.VM
	maxOutput int
	// within is how long documents that share an interpreter may take together:
	// the parent waits for them as for one.
	within    time.Duration
	templates map[uint64]*loaded
	out       *bufio.Writer
}

// loaded is a template that a worker has parsed.
type loaded struct {
	node ast.Node
	// combinable says that the template is a function, so that several calls of
	// it may share one interpreter.
	combinable bool
	// apart counts the batches that are still evaluated one by one after a
	// combined evaluation failed.
	apart int
	// cost is how long one evaluation took lately; 0 before the first.
	cost time.Duration
	// fields are the fields of ctx that the template reads, unless it reads ctx
	// as a whole.
	fields []string
	whole  bool
	words  wordSet
	calls  callSites
}

// apartBatches is how many batches follow a failed combined evaluation before
// the next one is combined.
const apartBatches = 8

// combineMargin is how many times over documents that share an interpreter fit
// into the time-out.
const combineMargin = 8

// costWeight is the share of the latest evaluation in the cost of a template.
const costWeight = 4

func newEvaluator(config workerConfig, out *bufio.Writer) *evaluator {
	vm := jsonnet.MakeVM()
	vm.MaxStack = config.MaxStack
	vm.Importer(refusingImporter{})
	vm.SetTraceOut(io.Discard)
	return &evaluator{
		vm: vm, maxOutput: config.MaxOutput, templates: map[uint64]*loaded{}, out: out,
		within: time.Duration(config.TimeoutNanos) / combineMargin,
	}
}

// errImport is what an import at run time would say; compile refuses it before.
var errImport = errors.New("imports are not available in request templates")

// refusingImporter refuses every import.
type refusingImporter struct{}

// Import implements jsonnet.Importer.
func (refusingImporter) Import(string, string) (jsonnet.Contents, string, error) {
	return jsonnet.Contents{}, "", errImport
}

// answer serves one request. An error ends the worker.
func (e *evaluator) answer(payload []byte) error {
	req, err := decodeRequest(payload)
	if err != nil {
		return err
	}
	if req.forget {
		clear(e.templates)
	}
	switch req.operation {
	case operationCompile:
		return e.compile(req)
	case operationEvaluate:
		return e.evaluate(req)
	}
	return errMalformed
}

func (e *evaluator) compile(req *request) error {
	t, refusal := e.load(req)
	if t == nil {
		return e.send(refusal)
	}
	var c compiled
	if e.vm.MaxStack >= planStack {
		c.Plan = planOf(t.node)
	}
	answer := compiledReply(c)
	if len(answer.payload) > e.maxOutput {
		answer = compiledReply(compiled{})
	}
	return e.send(answer)
}

// load parses the source of a request and keeps the template.
func (e *evaluator) load(req *request) (*loaded, reply) {
	t, err := parse(string(req.source))
	if err != nil {
		return nil, faultReply(staticFault(err))
	}
	e.templates[req.template] = t
	return t, reply{outcome: outcomeOK}
}

func (e *evaluator) evaluate(req *request) error {
	t := e.templates[req.template]
	if req.hasSource {
		var refusal reply
		if t, refusal = e.load(req); t == nil {
			return e.sendTimes(refusal, len(req.documents))
		}
	}
	if t == nil {
		return errMalformed
	}
	share := t.share(e.within)
	for rest := req.documents; len(rest) > 0; {
		done, err := e.evaluateSome(t, rest[:min(share, len(rest))])
		if err != nil {
			return err
		}
		if t.apart > 0 {
			share = 1
		}
		rest = rest[done:]
	}
	return nil
}

// evaluateSome evaluates some documents together, or the first alone, and says
// how many it answered.
func (e *evaluator) evaluateSome(t *loaded, documents [][]byte) (int, error) {
	if len(documents) > 1 {
		if results, ok := e.combined(t, documents); ok {
			return len(documents), e.sendAll(results)
		}
		t.apart = apartBatches
	}
	return 1, e.send(e.single(t, documents[0]))
}

// share says how many documents of the next batch may share an interpreter, by
// what one costs: a dear template gains little, and must not run into the
// time-out.
func (t *loaded) share(within time.Duration) int {
	if t.apart > 0 {
		t.apart--
		return 1
	}
	if !t.combinable || t.cost == 0 {
		return 1
	}
	return int(max(1, min(within/t.cost, maxBatch)))
}

// learn keeps a moving average of what an evaluation costs.
func (t *loaded) learn(took time.Duration) {
	if t.cost == 0 {
		t.cost = took
	}
	t.cost += (took - t.cost) / costWeight
}

// single evaluates one document by itself.
func (e *evaluator) single(t *loaded, document []byte) reply {
	node, err := t.documentNode(document)
	if err != nil {
		return faultReply(fault{Message: err.Error()})
	}
	e.vm.TLANode(contextName, node)
	started := time.Now()
	output, err := e.vm.Evaluate(t.node)
	t.learn(time.Since(started))
	if err != nil {
		return t.failure(err)
	}
	return e.result(output)
}

// combined evaluates all documents in one interpreter, which sets up the
// standard library once. Jsonnet is a pure language, so one call cannot see
// another; but a failing call fails them all, and then ok is false.
func (e *evaluator) combined(t *loaded, documents [][]byte) (results []reply, ok bool) {
	program := &ast.DesugaredObject{}
	program.SetFreeVariables(t.node.FreeVariables())
	for i, document := range documents {
		node, err := t.documentNode(document)
		if err != nil {
			return nil, false
		}
		program.Fields = append(program.Fields, callField(i, t.node, node))
	}
	started := time.Now()
	outputs, err := e.vm.EvaluateMulti(program)
	if err != nil || len(outputs) != len(documents) {
		return nil, false
	}
	t.learn(time.Since(started) / time.Duration(len(documents)))
	for i := range documents {
		results = append(results, e.result(outputs[strconv.Itoa(i)]))
	}
	return results, true
}

// callField is the object field `"i": template(ctx=document)`.
func callField(i int, template, document ast.Node) ast.DesugaredObjectField {
	call := &ast.Apply{
		Target:    template,
		Arguments: ast.Arguments{Named: []ast.NamedArgument{{Name: contextName, Arg: document}}},
	}
	call.SetFreeVariables(template.FreeVariables())
	return ast.DesugaredObjectField{
		Name: &ast.LiteralString{Value: strconv.Itoa(i), Kind: ast.StringDouble},
		Hide: ast.ObjectFieldInherit,
		Body: call,
	}
}

func (e *evaluator) result(output string) reply {
	if len(output) > e.maxOutput {
		return faultReply(fault{Message: "output is larger than " + strconv.Itoa(e.maxOutput) + " bytes"})
	}
	return reply{outcome: outcomeOK, payload: []byte(output)}
}

// send writes one reply at once, so that the parent sees how far a batch came.
func (e *evaluator) send(r reply) error {
	if err := e.write(r); err != nil {
		return err
	}
	return e.out.Flush()
}

func (e *evaluator) sendAll(replies []reply) error {
	for _, r := range replies {
		if err := e.write(r); err != nil {
			return err
		}
	}
	return e.out.Flush()
}

func (e *evaluator) sendTimes(r reply, count int) error {
	for range count {
		if err := e.write(r); err != nil {
			return err
		}
	}
	return e.out.Flush()
}

func (e *evaluator) write(r reply) error {
	return writeFrame(e.out, r.appendTo(newFrame(1+len(r.payload))))
}
