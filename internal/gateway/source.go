package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// SourceOptions says where the text of a template is.
type SourceOptions struct {
	// URI is file://path (relative to the working directory, or absolute after
	// three slashes), base64://text in the standard alphabet, or an http(s) url.
	URI string
	// PrivateIPs applies to http(s) addresses and where they redirect to.
	PrivateIPs PrivateIPPolicy
	// Timeout bounds one fetch, zero is 10 s.
	Timeout time.Duration
	// MaxSize bounds the text, in bytes, zero is 1 MiB.
	MaxSize int64
	// Interval is the least time between two fetches, and the time between two
	// looks at a file beside the notices of its changes. Zero is 30 s.
	Interval time.Duration
	// Logger gets a warning when the text cannot be read anew, nil for none.
	Logger *slog.Logger
	// NowFunc is the clock, nil is time.Now.
	NowFunc func() time.Time
}

// The defaults of SourceOptions.
const (
	DefaultSourceTimeout  = 10 * time.Second
	DefaultSourceInterval = 30 * time.Second
	DefaultMaxSource      = 1 << 20
)

func (o *SourceOptions) setDefaults() {
	if o.Timeout <= 0 {
		o.Timeout = DefaultSourceTimeout
	}
	if o.MaxSize <= 0 {
		o.MaxSize = DefaultMaxSource
	}
	if o.Interval <= 0 {
		o.Interval = DefaultSourceInterval
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.NowFunc == nil {
		o.NowFunc = time.Now
	}
}

// Source is the text of a template that can be read anew. The last text that
// was read stays when it cannot. It is safe for concurrent use.
type Source struct {
	options SourceOptions
	reader  reader
	current atomic.Pointer[[]byte]
	mu      sync.Mutex
	told    string
}

// reader reads the text. nil text without an error means that it has not changed.
type reader interface {
	read(ctx context.Context) ([]byte, error)
	// name is what errors and logs call the source: no secret and no content.
	name() string
}

// Load reads the text of a template once. See SourceOptions for the addresses.
func Load(ctx context.Context, uri string) ([]byte, error) {
	source, err := NewSource(SourceOptions{URI: uri})
	if err != nil {
		return nil, err
	}
	defer source.Close()
	if _, err := source.Refresh(ctx); err != nil {
		return nil, err
	}
	return source.Current(), nil
}

// NewSource checks the address. Nothing is read.
func NewSource(options SourceOptions) (*Source, error) {
	options.setDefaults()
	scheme, rest, _ := strings.Cut(options.URI, "://")
	source := &Source{options: options}
	var err error
	switch scheme {
	case "base64":
		source.reader, err = newBase64Reader(rest, options.MaxSize)
	case "file":
		source.reader, err = newFileReader(rest, options.MaxSize)
	case "http", "https":
		source.reader, err = newHTTPReader(&source.options)
	default:
		err = errors.New("read template: the address starts with none of file://, base64://, https:// and http://")
	}
	if err != nil {
		return nil, err
	}
	return source, nil
}

// Name is what to call the source: its address without secrets, or "base64".
func (s *Source) Name() string { return s.reader.name() }

// Current returns the text that was read last, nil before the first.
func (s *Source) Current() []byte {
	if text := s.current.Load(); text != nil {
		return *text
	}
	return nil
}

// Refresh reads the text anew, over http(s) only when it is no longer fresh,
// and reports whether it is another. After an error the last text stays.
func (s *Source) Refresh(ctx context.Context) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	text, err := s.reader.read(ctx)
	if err != nil {
		return false, fmt.Errorf("read template %s: %w", s.Name(), err)
	}
	if text == nil || s.current.Load() != nil && bytes.Equal(text, s.Current()) {
		return false, nil
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return false, fmt.Errorf("read template %s: it is empty", s.Name())
	}
	s.current.Store(&text)
	return true, nil
}

// Close ends the idle connections.
func (s *Source) Close() {
	if fetched, ok := s.reader.(*httpReader); ok {
		fetched.client.CloseIdleConnections()
	}
}

type base64Reader struct{ text []byte }

func newBase64Reader(encoded string, limit int64) (*base64Reader, error) {
	if int64(len(encoded)) > limit*4/3+4 {
		return nil, fmt.Errorf("read template base64: it is larger than %d bytes", limit)
	}
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("read template base64: %w: use the standard alphabet with padding", err)
	}
	return &base64Reader{text: text}, nil
}

func (r *base64Reader) read(context.Context) ([]byte, error) { return r.text, nil }

func (r *base64Reader) name() string { return "base64" }
