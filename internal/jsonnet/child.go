package jsonnet

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"syscall"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"

	"courier/internal/jsonnet/plan"
)

// workerMarker is the environment variable, and the only one, that makes a
// process of this program a worker.
const workerMarker = "COURIER_JSONNET_WORKER"

// workerMarkerValue is what a pool sets workerMarker to; any other value is ignored.
const workerMarkerValue = "pipes-3"

// Exit codes of a worker. Any other than these, such as the 2 with which Go ends
// when memory or stack run out, means that the evaluation was at fault, as
// exitMemory does.
const (
	exitDone     = 0
	exitMemory   = 3
	exitOrphaned = 4
	exitProtocol = 5
)

// workerProcs is how many CPUs a worker uses: one evaluates, one watches and
// collects garbage.
const workerProcs = 2

// ServeIfChild turns this process into a template worker when a Pool started
// it as one, and then never returns; otherwise it does nothing. It comes first
// in main, and in TestMain of every package whose tests evaluate templates.
func ServeIfChild() {
	if os.Getenv(workerMarker) != workerMarkerValue {
		return
	}
	exit(serve(os.Stdin, os.Stdout))
}

// exit ends a worker, which has nothing to release. Its code tells the pool why.
func exit(code int) {
	os.Exit(code) //nolint:forbidigo // only ever called in a worker process, see above
}

// serve answers requests until the parent closes the pipe.
func serve(in io.Reader, out io.Writer) int {
	runtime.GOMAXPROCS(workerProcs)
	// The parent decides when a worker ends: a Ctrl-C or the SIGTERM of a service
	// manager goes to every process of a group, and messages in flight are still
	// rendered while the courier stops.
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	reader := bufio.NewReader(in)
	var limits childLimits
	if err := readFrame(reader, frameOverhead, &limits); err != nil {
		return exitProtocol
	}
	guard, err := applyLimits(limits)
	if err != nil {
		return exitProtocol
	}
	if err := writeFrame(out, reply{}); err != nil {
		return exitDone
	}
	requests := make(chan *request)
	go readRequests(reader, limits.MaxRequest, requests)
	evaluator := newEvaluator(limits)
	for req := range requests {
		stop := guard.watch()
		err := writeFrame(out, evaluator.answer(req))
		stop()
		if err != nil {
			return exitProtocol
		}
	}
	return exitDone
}

// readRequests passes requests on. The end of the stream means that the parent
// closed the pool or is gone: the worker ends at once, even in the middle of an
// evaluation that would never end.
func readRequests(reader io.Reader, limit int, requests chan<- *request) {
	for {
		req := &request{}
		err := readFrame(reader, limit, req)
		switch {
		case errors.Is(err, io.EOF):
			exit(exitDone)
		case err != nil:
			exit(exitProtocol)
		}
		requests <- req
	}
}

// maxLoaded bounds how many templates a worker remembers.
const maxLoaded = 64

// evaluator answers the requests of a worker. One virtual machine serves every
// evaluation: go-jsonnet builds a new interpreter, and with it a new standard
// library, for each call of Evaluate, and the machine itself holds only the
// argument that the next call replaces and an import cache that stays empty.
type evaluator struct {
	vm        *jsonnet.VM
	maxOutput int
	// templates are those that were parsed.
	templates map[templateKey]*loaded
}

type templateKey struct{ argument, source string }

func newEvaluator(limits childLimits) *evaluator {
	vm := jsonnet.MakeVM()
	vm.MaxStack = limits.MaxStack
	vm.Importer(&jsonnet.MemoryImporter{}) // knows no file; parse refuses imports before
	vm.SetTraceOut(io.Discard)
	return &evaluator{vm: vm, maxOutput: limits.MaxOutput, templates: map[templateKey]*loaded{}}
}

// answer serves one request.
func (e *evaluator) answer(req *request) reply {
	key := templateKey{req.Argument, req.Source}
	t := e.templates[key]
	if t == nil {
		var refused *fault
		if t, refused = parse(req.Argument, req.Source); refused != nil {
			return reply{Fault: refused}
		}
		if len(e.templates) >= maxLoaded {
			clear(e.templates)
		}
		e.templates[key] = t
	}
	if req.Value == nil {
		return reply{Template: e.describe(t)}
	}
	return e.evaluate(t, req.Value)
}

// describe tells what the parent needs to know of a template.
func (e *evaluator) describe(t *loaded) *facts {
	f := &facts{Body: t.body, Warnings: e.unknownFunctions(t)}
	f.Reads, f.Whole = fieldsRead(t.node, t.argument, nil)
	slices.Sort(f.Reads)
	f.Reads = slices.Compact(f.Reads)
	if e.vm.MaxStack < plan.LeastStack {
		return f
	}
	f.Plan = plan.Of(t.node, t.argument)
	if text, err := json.Marshal(f.Plan); err != nil || len(text) > e.maxOutput {
		f.Plan = nil
	}
	return f
}

func (e *evaluator) evaluate(t *loaded, document []byte) reply {
	value, err := plan.Decode(document)
	if err != nil {
		return reply{Fault: &fault{Message: t.argument + " is not a JSON document"}}
	}
	e.vm.TLAReset()
	e.vm.TLANode(t.argument, valueNode(value))
	output, err := e.vm.Evaluate(t.node)
	switch {
	case err != nil:
		return e.failure(t, err)
	case len(output) > e.maxOutput:
		return reply{Fault: &fault{Message: "output is larger than " + strconv.Itoa(e.maxOutput) + " bytes"}}
	}
	return reply{Result: json.RawMessage(output)}
}

// valueNode turns a value into the syntax tree that Jsonnet would build from it.
// It takes values alone: Ory Kratos passes the message as Jsonnet code (TLACode),
// where what is not JSON would be executed.
func valueNode(value any) ast.Node {
	switch value := value.(type) {
	case map[string]any:
		object := &ast.DesugaredObject{Fields: make(ast.DesugaredObjectFields, 0, len(value))}
		for name, field := range value {
			object.Fields = append(object.Fields, ast.DesugaredObjectField{
				Name: &ast.LiteralString{Value: name, Kind: ast.StringDouble},
				Hide: ast.ObjectFieldInherit,
				Body: valueNode(field),
			})
		}
		return object
	case []any:
		array := &ast.Array{Elements: make([]ast.CommaSeparatedExpr, len(value))}
		for i, element := range value {
			array.Elements[i].Expr = valueNode(element)
		}
		return array
	case string:
		return &ast.LiteralString{Value: value, Kind: ast.StringDouble}
	case float64:
		return &ast.LiteralNumber{OriginalString: strconv.FormatFloat(value, 'g', -1, 64)}
	case json.Number: // out of range, which the interpreter says
		return &ast.LiteralNumber{OriginalString: value.String()}
	case bool:
		return &ast.LiteralBoolean{Value: value}
	default:
		return &ast.LiteralNull{}
	}
}
