package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// formats are the extensions that FuzzLoad chooses from.
func formats() []string { return []string{".yaml", ".json", ".toml"} }

func FuzzLoad(f *testing.F) {
	addSeeds(f, filepath.Join("testdata", "problems"))
	addSeeds(f, filepath.Join("testdata", "kratos"))
	f.Add(uint8(0), []byte(Starter()))
	f.Fuzz(func(t *testing.T, format uint8, data []byte) {
		name := "c" + formats()[int(format)%len(formats())]
		dir := write(t, map[string]string{name: string(data)})
		cfg, err := Load(Options{Files: []string{name}, Dir: dir})
		if (cfg == nil) == (err == nil) {
			t.Fatalf("%v and %v", cfg, err)
		}
		checkProblems(t, err, len(data) > maxFileSize)
	})
}

func FuzzLoad_Environment(f *testing.F) {
	for _, name := range envNames(rootSpec()) {
		f.Add(name, "1")
	}
	f.Add("COURIER_CHANNELS", `[{"id":"sms"}]`)
	f.Add("COURIER_CHANNELS_0_REQUEST_CONFIG_HEADERS_X", "y\n")
	f.Add("API_KEYS_0_SCOPES", "send, read")
	f.Fuzz(func(t *testing.T, name, value string) {
		cfg, err := Load(Options{Environ: []string{name + "=" + value}})
		if (cfg == nil) == (err == nil) {
			t.Fatalf("%v and %v", cfg, err)
		}
		checkProblems(t, err, true)
	})
}

// checkProblems wants a place and one line of text for every problem.
func checkProblems(t *testing.T, err error, noLine bool) {
	t.Helper()
	if err == nil {
		return
	}
	var invalid *InvalidError
	if !errors.As(err, &invalid) || len(invalid.Problems) == 0 {
		t.Fatalf("the error is %#v", err)
	}
	for _, problem := range invalid.Problems {
		at := problem.Position
		if at.Source == "" && problem.Path == "" || !noLine && at.Source != "" && (at.Line == 0 || at.Column == 0) {
			t.Errorf("no place: %#v", problem)
		}
		if problem.Message == "" || strings.ContainsAny(problem.String(), "\n\r") || !utf8.ValidString(problem.Message) {
			t.Errorf("not a line: %q", problem.String())
		}
	}
}

func addSeeds(f *testing.F, dir string) {
	f.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			f.Fatal(err)
		}
		for i, extension := range formats() {
			if strings.HasSuffix(file.Name(), extension) {
				f.Add(uint8(i), data)
			}
		}
	}
}
