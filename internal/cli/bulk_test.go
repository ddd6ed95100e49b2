package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"courier"
	"courier/client"
)

// csvFile writes n good rows.
func csvFile(t *testing.T, n int) string {
	t.Helper()
	var content strings.Builder
	content.WriteString("to,body\n")
	for i := range n {
		fmt.Fprintf(&content, "+1206555%04d,text %d\n", i, i)
	}
	path := filepath.Join(t.TempDir(), "messages.csv")
	writeFile(t, path, content.String())
	return path
}

func TestSendBulk_SendsEachRowOnce(t *testing.T) {
	t.Parallel()
	server := newStandIn(t)
	path := csvFile(t, 250)
	got := server.run(t, "", "send", "--csv", path)
	wantResult(t, got, 0, "250 rows: 250 accepted, 0 refused, in ", "")
	if len(server.batches) != 3 {
		t.Errorf("batches of %v", server.batches)
	}
	moved := filepath.Join(t.TempDir(), "moved.csv")
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	wantResult(t, server.run(t, "", "send", "--csv", moved), 0, "250 accepted", "")
	if len(server.taken()) != 250 || len(server.texts) != 250 {
		t.Errorf("a repeat sent again: %d messages", len(server.texts))
	}
	wantResult(t, server.run(t, "", "send", "--csv", moved, "--run-id", "june"), 0, "250 accepted", "")
	if len(server.texts) != 500 {
		t.Errorf("another run sent %d messages", len(server.texts)-250)
	}
}

// A row that was refused is often corrected by deleting it, which moves the others.
func TestSendBulk_SendsNoRowAgainThatMoved(t *testing.T) {
	t.Parallel()
	server := newStandIn(t)
	const first, last = "+12065550101,one\n", "+12065550103,three\n+12065550103,three\n"
	server.run(t, "to,body\n"+first+"12,two\n"+last, "send", "--csv", "-")
	if len(server.texts) != 3 {
		t.Fatalf("%d messages, want one for each good row, equal ones too", len(server.texts))
	}
	wantResult(t, server.run(t, "to,body\n"+first+last, "send", "--csv", "-"), 0, "3 accepted", "")
	if len(server.texts) != 3 {
		t.Errorf("without the refused row %d messages were sent again", len(server.texts)-3)
	}
	wantResult(t, server.run(t, "to,body\n+12065550102,two\n"+last+first, "send", "--csv", "-"), 0, "4 accepted", "")
	if len(server.texts) != 4 {
		t.Errorf("another order and one new row sent %d messages", len(server.texts)-3)
	}
}

func TestSendBulk_ReportsRefusedRows(t *testing.T) {
	t.Parallel()
	server := newStandIn(t)
	report := filepath.Join(t.TempDir(), "refused.csv")
	content := "to;body;ttl\n+12065550199;good;\n12;short;\n+12065550198;late;soon\n+12065550197;fine;5m\n"
	got := server.run(t, content, "send", "--csv", "-", "--delimiter", ";", "--report", report, "--format", "json")
	if got.code != 1 {
		t.Errorf("exit code %d", got.code)
	}
	var total totals
	if err := json.Unmarshal([]byte(got.stdout), &total); err != nil || total.Rows != 4 || total.Accepted != 2 || total.Refused != 2 {
		t.Errorf("summary %s, %v", got.stdout, err)
	}
	for _, want := range []string{
		"line 3: to: it is too short\n", `line 4: ttl: "soon" is not a duration such as 5m` + "\n",
		"error: 2 of 4 rows were refused",
	} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("stderr lacks %q:\n%s", want, got.stderr)
		}
	}
	written, err := os.ReadFile(report)
	want := "line,to,code,field,reason\n3,•••,invalid_recipient,to,it is too short\n" +
		`4,+1206•••0198,invalid_request,ttl,"""soon"" is not a duration such as 5m"` + "\n"
	if string(written) != want || err != nil {
		t.Errorf("report:\n%s%v", written, err)
	}
}

func TestSendBulk_PrintsFewRefusalsWithReport(t *testing.T) {
	t.Parallel()
	server := newStandIn(t)
	report := filepath.Join(t.TempDir(), "refused.csv")
	content := "to,body\n" + strings.Repeat("1,x\n", 150)
	got := server.run(t, content, "send", "--csv", "-", "--report", report)
	if printed := strings.Count(got.stderr, "line "); printed != maxShownRefusals || !strings.Contains(got.stderr, "in the report only") {
		t.Errorf("printed %d rows:\n%s", printed, got.stderr)
	}
	written, err := os.ReadFile(report)
	if lines := strings.Count(string(written), "\n"); lines != 151 || err != nil {
		t.Errorf("report has %d lines, %v", lines, err)
	}
}

func TestSendBulk_RefusesUsage(t *testing.T) {
	t.Parallel()
	path := csvFile(t, 1)
	for name, test := range map[string]struct {
		args   []string
		stderr string
	}{
		"To":          {[]string{"--csv", path, "--to", "1"}, "--to is about one message"},
		"Body":        {[]string{"--csv", path, "--body", "x"}, "--body is about one message"},
		"Wait":        {[]string{"--csv", path, "--wait"}, "--wait is about one message"},
		"Key":         {[]string{"--csv", path, "--idempotency-key", "x"}, "--idempotency-key is about one message"},
		"Missing":     {[]string{"--csv", path + "x"}, "open file of messages"},
		"Folder":      {[]string{"--csv", filepath.Dir(path)}, "is a folder"},
		"Concurrency": {[]string{"--csv", path, "--concurrency", "0"}, "it must be 1 to 64"},
		"Delimiter":   {[]string{"--csv", path, "--delimiter", "ab"}, "read --delimiter"},
		"Quote":       {[]string{"--csv", path, "--delimiter", `"`}, "read --delimiter"},
		"Header":      {[]string{"--csv", path, "--delimiter", "tab"}, `column "to,body" is none of`},
		"Overwrite":   {[]string{"--csv", path, "--report", path}, "it would overwrite the file of messages"},
		"Report":      {[]string{"--csv", path, "--report", filepath.Join(path, "x")}, "create report"},
		"Flags":       {[]string{"--csv", path, "--template-data", "7"}, "read --template-data"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newStandIn(t)
			wantResult(t, server.run(t, "", append([]string{"send"}, test.args...)...), 2, "", test.stderr)
			if len(server.texts) != 0 {
				t.Error("something was sent")
			}
		})
	}
}

func TestSendBulk_GoesOnAfterServerWasAway(t *testing.T) {
	t.Parallel()
	server := newStandIn(t)
	var calls atomic.Int32
	server.fail = func(w http.ResponseWriter, _ *http.Request) bool {
		if calls.Add(1) != 2 {
			return false
		}
		answerProblem(w, http.StatusServiceUnavailable, "shutting_down", "restarting")
		return true
	}
	got := server.run(t, "", "send", "--csv", csvFile(t, 450), "--concurrency", "1")
	wantResult(t, got, 0, "450 rows: 450 accepted", "server is away, trying again in ")
	if len(server.taken()) != 450 {
		t.Errorf("%d messages", len(server.taken()))
	}
}

func TestSendBulk_StopsAndCanBeRepeated(t *testing.T) {
	t.Parallel()
	server := newStandIn(t)
	path := csvFile(t, 450)
	var calls atomic.Int32
	server.fail = func(w http.ResponseWriter, _ *http.Request) bool {
		if calls.Add(1) != 3 {
			return false
		}
		answerProblem(w, http.StatusUnauthorized, "unauthorized", "the key was revoked")
		return true
	}
	got := server.run(t, "", "send", "--csv", path, "--concurrency", "1")
	wantResult(t, got, 1, "200 rows: 200 accepted", "repeat the same command to go on, nothing is sent twice")
	wantResult(t, server.run(t, "", "send", "--csv", path), 0, "450 rows: 450 accepted", "")
	if len(server.texts) != 450 {
		t.Errorf("%d messages", len(server.texts))
	}
}

func TestSendBulk_SaysWhenItWasInterrupted(t *testing.T) {
	t.Parallel()
	server := newStandIn(t)
	ctx, cancel := context.WithCancel(t.Context())
	server.fail = func(_ http.ResponseWriter, r *http.Request) bool {
		// The server sees that the client is gone once the body is read.
		_, err := io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
		return err == nil
	}
	var stdout, stderr strings.Builder
	code := Run(ctx, Process{
		Args: []string{"send", "--csv", csvFile(t, 10)}, Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr,
		Environ: []string{"COURIER_SERVER=" + server.URL},
	})
	wantResult(t, result{code, stdout.String(), stderr.String()}, ExitFailed, "0 rows: 0 accepted",
		"error: interrupted before the end; repeat the same command to go on, nothing is sent twice\n")
}

func TestTotals_Share(t *testing.T) {
	t.Parallel()
	content := "to,body\n" + strings.Repeat("+12065550199,Hi\n", 4)
	reader, err := newRowReader(strings.NewReader(content), ',', client.SendRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var total totals
	for range 2 {
		read, err := reader.next()
		if err != nil {
			t.Fatal(err)
		}
		total.add([]row{read})
	}
	if got, want := total.share(int64(len(content))), 40.0/72; got != want {
		t.Errorf("share %v, want %v", got, want)
	}
	if got := total.share(0); got != -1 {
		t.Errorf("share of a pipe %v", got)
	}
}

// refuser takes batches without a row that it dislikes, as a server that
// refuses a request as a whole.
type refuser struct {
	mutex sync.Mutex
	sent  []string
}

func (r *refuser) SendBatch(_ context.Context, requests []client.SendRequest) ([]client.BatchResult, error) {
	for _, request := range requests {
		if request.Body == "bad" {
			return nil, fmt.Errorf("send batch: %w", &courier.Error{Code: courier.CodeRequestTooLarge, Message: "too large"})
		}
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, request := range requests {
		r.sent = append(r.sent, request.Body)
	}
	return make([]client.BatchResult, len(requests)), nil
}

// rowsOf returns a source of rows with the bodies.
func rowsOf(bodies ...string) func() (row, error) {
	number := 0
	return func() (row, error) {
		if number == len(bodies) {
			return row{}, io.EOF
		}
		number++
		return row{number: number, line: number, request: client.SendRequest{To: "+1", Body: bodies[number-1]}}, nil
	}
}

func TestBulkSender_FindsRowsThatSpoilBatch(t *testing.T) {
	t.Parallel()
	server := &refuser{}
	var refused []int
	total, err := bulkSender{client: server, concurrency: 1}.run(t.Context(),
		rowsOf("a", "bad", "c", "d", "e", "bad", "g"),
		func(rows []row, _ totals) {
			for _, row := range rows {
				if row.err != nil {
					refused = append(refused, row.number)
				}
			}
		})
	if err != nil || total.Accepted != 5 || total.Refused != 2 || len(server.sent) != 5 {
		t.Errorf("%+v, sent %v, error %v", total, server.sent, err)
	}
	if len(refused) != 2 || refused[0] != 2 || refused[1] != 6 {
		t.Errorf("refused %v", refused)
	}
}

func TestBulkSender_EndsWithFault(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk is gone")
	source := rowsOf("a", "b")
	total, err := bulkSender{client: &refuser{}, concurrency: 2}.run(t.Context(), func() (row, error) {
		read, err := source()
		if err != nil {
			return row{}, broken
		}
		return read, nil
	}, func([]row, totals) {})
	if !errors.Is(err, broken) || total.Accepted > 2 {
		t.Errorf("%+v, error %v", total, err)
	}
}

func TestBulkSender_StopsWhenCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	number := 0
	_, err := bulkSender{client: &refuser{}, concurrency: 2}.run(ctx, func() (row, error) {
		if number++; number == 500 {
			cancel()
		}
		return row{number: number, request: client.SendRequest{To: "+1", Body: "x"}}, nil
	}, func([]row, totals) {})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// counter counts messages and keeps none.
type counter struct{ rows atomic.Int64 }

func (c *counter) SendBatch(_ context.Context, requests []client.SendRequest) ([]client.BatchResult, error) {
	c.rows.Add(int64(len(requests)))
	return make([]client.BatchResult, len(requests)), nil
}

// endlessCSV writes rows until it has to stop.
func endlessCSV(rows int) io.Reader {
	reader, writer := io.Pipe()
	go func() {
		_, err := io.WriteString(writer, "to,body,template_data\n")
		line := strings.Repeat("x", 100)
		for i := 0; i < rows && err == nil; i++ {
			_, err = fmt.Fprintf(writer, "+1206%07d,%s,\"{\"\"code\"\": %d}\"\n", i, line, i)
		}
		writer.CloseWithError(err)
	}()
	return reader
}

// TestBulkSender_MemoryIsFlat sends 20 MB of rows and looks at the heap on the way.
func TestBulkSender_MemoryIsFlat(t *testing.T) { //nolint:paralleltest // it looks at the heap of the whole process
	reader, err := newRowReader(endlessCSV(150_000), ',', client.SendRequest{})
	if err != nil {
		t.Fatal(err)
	}
	server, batches := &counter{}, 0
	var most uint64
	total, err := bulkSender{client: server, concurrency: 4}.run(t.Context(), reader.next, func([]row, totals) {
		if batches++; batches%300 == 0 {
			runtime.GC()
			var memory runtime.MemStats
			runtime.ReadMemStats(&memory)
			most = max(most, memory.HeapAlloc)
		}
	})
	if err != nil || total.Accepted != 150_000 || server.rows.Load() != 150_000 {
		t.Fatalf("%+v, error %v", total, err)
	}
	if most == 0 || most > 16<<20 {
		t.Errorf("heap grew to %d bytes", most)
	}
}

func TestRowKey(t *testing.T) {
	t.Parallel()
	base := row{request: client.SendRequest{To: "+12065550199", Body: "Hi"}}
	keyOf := func(keys *rowKeys, r row) string {
		given := keys.give(r)
		if given.err != nil {
			t.Fatal(given.err)
		}
		return given.request.IdempotencyKey
	}
	key := func(runID string, change func(*row)) string {
		changed := base
		change(&changed)
		return keyOf(&rowKeys{runID: runID, copies: map[[8]byte]uint32{}}, changed)
	}
	same := key("", func(*row) {})
	// A key that changes between versions would send the rest of a run again.
	if same != "csv-15c68e565398451acd8502c012c1ea399a973bf23f49b28ecbbe95483ee0c1f7" {
		t.Errorf("key %s", same)
	}
	repeated := &rowKeys{copies: map[[8]byte]uint32{}}
	first, second := keyOf(repeated, base), keyOf(repeated, base)
	if first != same {
		t.Error("the first of equal rows is not known by its content alone")
	}
	seen := map[string]string{same: "base"}
	for name, other := range map[string]string{
		"run":      key("june", func(*row) {}),
		"copy":     second,
		"to":       key("", func(r *row) { r.request.To = "+12065550198" }),
		"body":     key("", func(r *row) { r.request.Body = "Ho" }),
		"from":     key("", func(r *row) { r.request.From = "Shop" }),
		"channel":  key("", func(r *row) { r.request.Channel = "sms" }),
		"subject":  key("", func(r *row) { r.request.Subject = "s" }),
		"ttl":      key("", func(r *row) { r.request.TTL = time.Minute }),
		"send_at":  key("", func(r *row) { r.request.SendAt = time.Unix(1, 0) }),
		"expires":  key("", func(r *row) { r.request.ExpiresAt = time.Unix(1, 0) }),
		"type":     key("", func(r *row) { r.request.TemplateType = "t" }),
		"data":     key("", func(r *row) { r.request.TemplateData = []byte(`{}`) }),
		"lane":     key("", func(r *row) { r.request.Lane = courier.LaneBulk }),
		"place":    key("", func(r *row) { r.request.SupersedeKey = new("a") }),
		"metadata": key("", func(r *row) { r.request.Metadata = map[string]any{"a": "1"} }),
	} {
		if before, known := seen[other]; known {
			t.Errorf("%s does not count: same key as %s", name, before)
		}
		seen[other] = name
	}
}
