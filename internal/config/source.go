package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// The bounds of what is read. A configuration is a few kilobytes.
const (
	maxFileSize   = 1 << 20
	maxSecretSize = 64 << 10
	maxDepth      = 64
	maxNodes      = 100_000
	maxKeys       = 1000
)

// source is a text with a name, and what was found while it was read.
type source struct {
	name  string
	order int
	data  []byte
	// made is true for a text that nobody has written.
	made bool

	// offset, line and column are the last place, from which the next is counted.
	offset, line, column int

	nodes int
	// broken is true when values are missing, so that the rest makes no sense.
	broken bool
	findings
}

func (s *source) at(line, column int) Position {
	if s.made {
		return Position{Source: s.name, order: s.order}
	}
	return Position{Source: s.name, Line: line, Column: column, order: s.order}
}

// grow counts one more value and reports whether that is still within bounds.
func (s *source) grow(at Position, depth int) bool {
	s.nodes++
	s.broken = s.broken || depth > maxDepth || s.nodes > maxNodes
	switch {
	case depth > maxDepth:
		s.problem(at, "", "values are nested more than %d deep; no key needs that", maxDepth)
	case s.nodes == maxNodes+1:
		s.problem(at, "", "more than %d values; aliases that multiply each other are not expanded", maxNodes)
	}
	return depth <= maxDepth && s.nodes <= maxNodes
}

// add puts a key into a map, or reports that the key was given before.
func (s *source) add(m *node, key string, at Position, value *node, path string) {
	if first := m.entry(key); first != nil {
		s.problem(at, joinPath(path, key), "the key is given twice, first in line %d; keep one", first.at.Line)
		return
	}
	if len(m.entries) == maxKeys {
		s.problem(at, joinPath(path, key), "more than %d keys in one map", maxKeys)
		return
	}
	m.entries = append(m.entries, &entry{key: key, at: at, value: value})
}

// readSource reads a configuration file in the format that its extension names.
func (c *checker) readSource(name, path string, order int) (*node, *source) {
	s := &source{name: name, order: order, broken: true}
	data, err := c.read(path, maxFileSize)
	if err != nil {
		s.problem(Position{Source: name, order: order}, "", "read configuration file: %s", explainFile(err))
		return nil, s
	}
	s.data = data
	return s.tree(strings.ToLower(filepath.Ext(path))), s
}

// tree returns the keys and values of a text in the format of a file extension, nil for none.
func (s *source) tree(extension string) *node {
	s.data, s.broken = withoutMark(s.data), true
	if _, valid, err := transform.Bytes(encoding.UTF8Validator, s.data); err != nil {
		s.problem(s.place(valid), "", "the file is not UTF-8 text; save it as UTF-8")
		return nil
	}
	s.broken = false
	root := s.parse(extension)
	s.broken = s.broken || root == nil && len(s.problems) > 0
	if root != nil && root.kind != mapNode && root.kind != nullNode {
		s.broken = true
		s.problem(root.at, "", "expected keys and values, got %s", root.describe(true))
		return nil
	}
	return root
}

// withoutMark drops a byte order mark, and turns the UTF-16 that one of those
// announces into UTF-8, as the YAML library does.
func withoutMark(data []byte) []byte {
	if !bytes.HasPrefix(data, []byte("\xfe\xff")) && !bytes.HasPrefix(data, []byte("\xff\xfe")) {
		return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	}
	text, _ := unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM).NewDecoder().Bytes(data) // what is no text becomes U+FFFD
	return text
}

func (s *source) parse(extension string) *node {
	if len(bytes.TrimSpace(s.data)) == 0 {
		return nil
	}
	switch extension {
	case ".json":
		return parseJSON(s, "")
	case ".toml":
		return parseTOML(s)
	default:
		return parseYAML(s)
	}
}

// place returns the position of a byte offset, columns in characters.
func (s *source) place(offset int) Position {
	offset = min(max(offset, 0), len(s.data))
	if s.line == 0 || offset < s.offset {
		s.offset, s.line, s.column = 0, 1, 1
	}
	passed := s.data[s.offset:offset]
	if last := bytes.LastIndexByte(passed, '\n'); last >= 0 {
		s.line += bytes.Count(passed, []byte("\n"))
		s.column, passed = 1, passed[last+1:]
	}
	s.offset, s.column = offset, s.column+utf8.RuneCount(passed)
	return s.at(s.line, s.column)
}

// readBounded reads a regular file of at most limit bytes. A pipe or a device
// is refused before it can block.
func readBounded(path string, limit int) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // nothing was written
	data, err := io.ReadAll(io.LimitReader(file, int64(limit)+1))
	if err == nil && len(data) > limit {
		return nil, tooLarge(limit)
	}
	return data, err
}

func tooLarge(limit int) error { return fmt.Errorf("larger than %d KiB", limit>>10) }

// explainFile says why a file cannot be read and what to do, without its path.
func explainFile(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file; check the path, relative ones start at the working directory"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied; let this user read it"
	}
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err.Error()
	}
	return err.Error()
}
