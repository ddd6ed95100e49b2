package cli

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"courier"
	"courier/client"
)

// readRows reads a whole file.
func readRows(t *testing.T, content string, base client.SendRequest) []row {
	t.Helper()
	reader, err := newRowReader(strings.NewReader(content), ',', base)
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for {
		next, err := reader.next()
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, next)
	}
}

func TestRowReader_ReadsEveryColumn(t *testing.T) {
	t.Parallel()
	rows := readRows(t, "\xef\xbb\xbfTo , Body,from,channel,subject,ttl,send_at,template_type,template_data,metadata,metadata.City,lane,supersede_key,idempotency_key\r\n"+
		`+12065550199,"Hi, ""you""`+"\nthere"+`",Shop,sms,Hey,5m,2026-01-31T18:00:00Z,login,"{""code"": 1}","{""n"": 12345678901234567890}",Oslo,bulk,s1,k1`+"\r\n",
		client.SendRequest{From: "Default", ExpiresAt: time.Unix(1, 0)})
	want := client.SendRequest{
		To: "+12065550199", Body: "Hi, \"you\"\nthere", From: "Shop", Channel: "sms", Subject: "Hey", TTL: 5 * time.Minute,
		SendAt: time.Date(2026, 1, 31, 18, 0, 0, 0, time.UTC), TemplateType: "login", TemplateData: []byte(`{"code": 1}`),
		IdempotencyKey: "k1", Lane: courier.LaneBulk, SupersedeKey: new("s1"),
	}
	if len(rows) != 1 || rows[0].err != nil {
		t.Fatalf("rows: %+v", rows)
	}
	got := rows[0].request
	metadata := got.Metadata
	got.Metadata = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if len(metadata) != 2 || metadata["City"] != "Oslo" {
		t.Errorf("metadata: %v", metadata)
	}
	if number, ok := metadata["n"].(interface{ String() string }); !ok || number.String() != "12345678901234567890" {
		t.Errorf("a large number was changed: %v", metadata["n"])
	}
}

func TestRowReader_FillsFromBase(t *testing.T) {
	t.Parallel()
	base := client.SendRequest{From: "Shop", TTL: time.Hour, Metadata: map[string]any{"a": "1"}}
	rows := readRows(t, "to,body,from,expires_at,metadata.b\n1,x,,,\n2,y,Me,2026-01-31T18:00:00Z,2\n3,z,,,\n", base)
	want := []client.SendRequest{
		{To: "1", Body: "x", From: "Shop", TTL: time.Hour, Metadata: map[string]any{"a": "1"}},
		{
			To: "2", Body: "y", From: "Me", ExpiresAt: time.Date(2026, 1, 31, 18, 0, 0, 0, time.UTC),
			Metadata: map[string]any{"a": "1", "b": "2"},
		},
		{To: "3", Body: "z", From: "Shop", TTL: time.Hour, Metadata: map[string]any{"a": "1"}},
	}
	for i, got := range rows {
		if diff := cmp.Diff(want[i], got.request); diff != "" {
			t.Errorf("row %d (-want +got):\n%s", i+1, diff)
		}
	}
}

func TestRowReader_NamesFaultyRowsAndGoesOn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ header, bad, fault string }{
		"NoRecipient":    {"to,body", ",x", "to: it is empty"},
		"NoBody":         {"to,body", "1,  ", "body: it is empty"},
		"TooFew":         {"to,body", "1", "row has 1 fields and the header 2"},
		"TooMany":        {"to,body", "1,x,y", "row has 3 fields and the header 2"},
		"BareQuote":      {"to,body", `1,a"b`, "line 4, column 4: bare \""},
		"NotUTF8":        {"to,body", "1,\xff", "body: it is not UTF-8"},
		"TTL":            {"to,body,ttl", "1,x,soon", `ttl: "soon" is not a duration`},
		"NegativeTTL":    {"to,body,ttl", "1,x,-5m", "is not a duration"},
		"SendAt":         {"to,body,send_at", "1,x,tomorrow", "is not a time such as"},
		"ExpiresAt":      {"to,body,expires_at", "1,x,1 May", "is not a time such as"},
		"TemplateData":   {"to,body,template_data", "1,x,[]", "it must be a JSON object"},
		"NullData":       {"to,body,template_data", "1,x,null", "it must be a JSON object"},
		"MetadataObject": {"to,body,metadata", "1,x,7", "it must be a JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			filler := strings.Repeat(",", strings.Count(test.header, ",")-1)
			rows := readRows(t, test.header+"\n1,\"a\nb\""+filler+"\n"+test.bad+"\n\n2,c"+filler+"\n", client.SendRequest{})
			if len(rows) != 3 || rows[0].err != nil || rows[2].err != nil {
				t.Fatalf("rows: %+v", rows)
			}
			if rows[1].line != 4 || rows[1].number != 2 || rows[1].err == nil || !strings.Contains(rows[1].err.Error(), test.fault) {
				t.Errorf("line %d, number %d: %v", rows[1].line, rows[1].number, rows[1].err)
			}
			if rows[2].line != 6 || rows[2].number != 3 {
				t.Errorf("after it: line %d, number %d", rows[2].line, rows[2].number)
			}
		})
	}
}

func TestNewRowReader_RefusesFiles(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ content, fault string }{
		"Empty":        {"", "file is empty"},
		"OnlyMark":     {"\xef\xbb\xbf", "file is empty"},
		"UTF16":        {"\xff\xfet\x00o\x00", "UTF-16"},
		"UTF16BE":      {"\xfe\xff\x00t\x00o", "UTF-16"},
		"Semicolons":   {"to;body\n1;x\n", "--delimiter"},
		"Unknown":      {"to,body,colour\n", `column "colour" is none of`},
		"Twice":        {"to,recipient,body\n", `column "to" is there twice`},
		"NoRecipient":  {"body,from\n", `column "to" is missing`},
		"NoHeader":     {"+12065550199,Hi\n", "is none of"},
		"Latin1":       {"to,body,\xe9\n", "header is not UTF-8"},
		"BadQuote":     {"to,\"body\n", "read header row"},
		"EndlessQuote": {"to,\"" + strings.Repeat("x\n", maxRecord), "is a closing quote missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newRowReader(strings.NewReader(test.content), ',', client.SendRequest{})
			if err == nil || !strings.Contains(err.Error(), test.fault) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRowReader_BoundsRows(t *testing.T) {
	t.Parallel()
	endless := io.MultiReader(strings.NewReader("to,body\n1,ok\n2,\"never closed\n"), zeros{})
	reader, err := newRowReader(endless, ',', client.SendRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := reader.next(); err != nil || first.request.Body != "ok" {
		t.Fatalf("first row: %+v, %v", first, err)
	}
	if _, err := reader.next(); !errors.Is(err, errRecordTooLong) || !strings.Contains(err.Error(), "read row 2") {
		t.Errorf("got %v", err)
	}
}

// zeros is an endless line.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// FuzzRowReader checks that any bytes end in rows or an error, that rows are
// counted without gaps, and that only UTF-8 goes out.
func FuzzRowReader(f *testing.F) {
	for _, seed := range []string{
		"to,body\n1,x\n", "\xef\xbb\xbfto,body\r\n1,\"a\"\"b\"\r\n", "to,body,metadata\n1,x,\"{\"\"a\"\":1}\"\n",
		"to,body,ttl\n1,x,5m\n2,y,\n", "to,body\n\"", "to,body\n1,\xff\n\n2\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		reader, err := newRowReader(strings.NewReader(content), ',', client.SendRequest{})
		if err != nil {
			return
		}
		for want := 1; ; want++ {
			next, err := reader.next()
			if err != nil {
				if _, isFault := errors.AsType[*csv.ParseError](err); isFault {
					t.Fatalf("a faulty row ended the file: %v", err)
				}
				return
			}
			if next.number != want || next.line < 1 {
				t.Fatalf("row %d has number %d, line %d", want, next.number, next.line)
			}
			if next.err == nil && (next.request.To == "" || !utf8.ValidString(next.request.Body+next.request.To)) {
				t.Fatalf("row %d was believed: %+v", want, next.request)
			}
		}
	})
}
