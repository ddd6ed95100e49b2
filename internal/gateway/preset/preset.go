package preset

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// The embedded presets.
//
//go:embed data
var data embed.FS

// Preset is one ready-made gateway.
type Preset struct {
	// Name is what a gateway's preset setting says.
	Name string
	// Title is the provider's name, Site its page, Docs what was read of it.
	Title, Site string
	Docs        []string
	// Params are the parameters by name, base_url among them.
	Params map[string]Param
	// Notes say what to set at the provider, in Markdown.
	Notes string
	// Templates are the texts of the templates.
	Templates Templates
	// Errors are the provider's codes.
	Errors Errors
	// Emulator is the text of emulator.yaml, empty for none.
	Emulator string

	file file
	// ours is true for a preset of this program, which the tests try.
	ours bool
}

// Param is one parameter of a preset.
type Param struct {
	Doc      string   `yaml:"doc"`
	Required bool     `yaml:"required"`
	Secret   bool     `yaml:"secret"`
	Enum     []string `yaml:"enum"`
	Default  string   `yaml:"default"`
	// Pattern is a regular expression for the whole value.
	Pattern string `yaml:"pattern"`
	Example string `yaml:"example"`
}

// Templates are Jsonnet texts, each empty for none: functions of ctx that give the
// body and the query of a request, of res for an answer, and of req for a receipt.
// Lookup asks for a message whose outcome is not known, as a function of ctx, and Found reads the
// answer, as a function of res: both are those of gateway.Lookup.
type Templates struct{ Request, Query, Response, Receipt, Lookup, Found string }

// file is preset.yaml.
type file struct {
	Title   string           `yaml:"title"`
	Site    string           `yaml:"site"`
	Docs    []string         `yaml:"docs"`
	Params  map[string]Param `yaml:"params"`
	Needs   [][]string       `yaml:"needs"`
	Pairs   [][]string       `yaml:"pairs"`
	Request struct {
		Method  string            `yaml:"method"`
		URL     string            `yaml:"url"`
		Headers map[string]string `yaml:"headers"`
		Auth    []choice          `yaml:"auth"`
	} `yaml:"request"`
	Receipts struct {
		Address string   `yaml:"address"`
		Verify  []choice `yaml:"verify"`
	} `yaml:"receipts"`
	Limits Limits `yaml:"limits"`
}

// choice is one way to authenticate or to verify. The first whose parameters in When
// are all given is taken.
type choice struct {
	When     []string          `yaml:"when"`
	Type     string            `yaml:"type"`
	Kind     string            `yaml:"kind"`
	Settings map[string]string `yaml:",inline"`
}

// Limits are what the provider documents, zero for nothing.
type Limits struct {
	MaxInFlight int  `yaml:"max_in_flight"`
	Rate        Rate `yaml:"rate"`
}

// Rate is a number of messages in a time.
type Rate struct {
	Count int           `yaml:"count"`
	Per   time.Duration `yaml:"per"`
}

// The ways in which a provider learns where receipts go.
const (
	addressRequest    = "request"
	addressRegistered = "registered"
	addressNone       = "none"
)

// Set is the presets that there are. It is safe for concurrent use.
type Set struct{ presets map[string]*Preset }

// Load reads the presets of this program and those below a folder of the user's, whose
// presets replace ours of the same name; "" is no folder. The error names each
// file and key that cannot work.
func Load(dir string) (*Set, error) {
	set := &Set{presets: map[string]*Preset{}}
	ours, err := fs.Sub(data, "data")
	if err != nil {
		return nil, fmt.Errorf("load presets: %w", err)
	}
	if err := set.load(ours, ""); err != nil {
		return nil, fmt.Errorf("load presets: %w", err)
	}
	for _, p := range set.presets {
		p.ours = true
	}
	if dir == "" {
		return set, nil
	}
	if found, err := os.Stat(dir); err != nil || !found.IsDir() {
		return nil, fmt.Errorf("load presets: there is no folder %s; a path that does not begin with / starts at the working directory", dir)
	}
	if err := set.load(os.DirFS(dir), dir); err != nil {
		return nil, fmt.Errorf("load presets: %w", err)
	}
	return set, nil
}

// Names returns the names of the presets, sorted.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.presets)) }

// Get returns a preset. The error names the nearest one when there is none.
func (s *Set) Get(name string) (*Preset, error) {
	if p := s.presets[name]; p != nil {
		return p, nil
	}
	return nil, unknown("preset", name, s.Names())
}

// load adds the presets that are folders of a folder.
func (s *Set) load(from fs.FS, dir string) error {
	entries, err := fs.ReadDir(from, ".")
	if err != nil {
		return err
	}
	var errs []error
	for _, entry := range entries {
		if !entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		p, err := read(from, entry.Name(), path.Join(dir, entry.Name()))
		s.presets[entry.Name()] = p
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// read reads and checks the folder of a preset.
func read(from fs.FS, name, place string) (*Preset, error) {
	p := &Preset{Name: name}
	var errs []error
	open := func(file string) (text []byte) {
		text, err := fs.ReadFile(from, path.Join(name, file))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		return text
	}
	texts := map[string]*string{
		"request.jsonnet": &p.Templates.Request, "query.jsonnet": &p.Templates.Query,
		"response.jsonnet": &p.Templates.Response, "receipt.jsonnet": &p.Templates.Receipt,
		"lookup.jsonnet": &p.Templates.Lookup, "found.jsonnet": &p.Templates.Found,
		"notes.md": &p.Notes, "emulator.yaml": &p.Emulator,
	}
	for file, text := range texts {
		*text = string(open(file))
	}
	if text := open("preset.yaml"); text == nil {
		errs = append(errs, fmt.Errorf("%s has no preset.yaml", place))
	} else if err := decode(path.Join(place, "preset.yaml"), text, &p.file); err != nil {
		errs = append(errs, err)
	}
	if text := open("errors.yaml"); text != nil {
		errs = append(errs, decode(path.Join(place, "errors.yaml"), text, &p.Errors))
	}
	entries, err := fs.ReadDir(from, name)
	errs = append(errs, err)
	known := append(names(texts), "errors.yaml", "preset.yaml")
	for _, entry := range entries {
		if !slices.Contains(known, entry.Name()) && !strings.HasPrefix(entry.Name(), ".") {
			errs = append(errs, fmt.Errorf("%s: %w", place, unknown("file", entry.Name(), known)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	p.complete()
	for _, err := range p.check() {
		errs = append(errs, fmt.Errorf("%s: %w", place, err))
	}
	return p, errors.Join(errs...)
}

// complete adds what every preset has.
func (p *Preset) complete() {
	p.Title, p.Site, p.Docs = p.file.Title, p.file.Site, p.file.Docs
	p.Params = map[string]Param{baseURL: {
		Doc:     "Scheme, host and port to use in place of the provider's, such as http://127.0.0.1:4479 for `courier inbox`.",
		Example: "http://127.0.0.1:4479",
	}}
	maps.Copy(p.Params, p.file.Params)
}
