package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// documents returns the text of every document of the repository by its path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	root := filepath.Join("..", "..")
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts[path] = string(text)
		}
	}
	return texts
}

// commandLines returns the arguments of every courier command in the code of a
// text: a line of a block of shell, or a code span.
func commandLines(text string) [][]string {
	fence := regexp.MustCompile("(?ms)^```sh\n(.*?)^```")
	span := regexp.MustCompile("`((?:bin/)?courier [^`\n]+)`")
	var lines []string
	for _, block := range fence.FindAllStringSubmatch(text, -1) {
		lines = append(lines, strings.Split(block[1], "\n")...)
	}
	for _, match := range span.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		lines = append(lines, match[1])
	}
	var commands [][]string
	for _, line := range lines {
		if args := words(line); len(args) > 1 && (args[0] == "courier" || args[0] == "bin/courier") {
			commands = append(commands, args[1:])
		}
	}
	return commands
}

// words splits a line of shell at spaces outside double quotes, up to a
// comment, a pipe or a redirection.
func words(line string) []string {
	var out []string
	for _, match := range regexp.MustCompile(`"([^"]*)"|(\S+)`).FindAllStringSubmatch(line, -1) {
		if match[2] == "#" || match[2] == "|" || match[2] == ">" {
			break
		}
		out = append(out, match[1]+match[2])
	}
	return out
}

// commandFault returns why no command takes the arguments, or nil.
func commandFault(args []string) error {
	command, rest, err := newRoot(&shared{}).Find(args)
	if err != nil {
		return err
	}
	command.InitDefaultHelpFlag()
	if err := command.ParseFlags(rest); err != nil {
		return err
	}
	if left := command.Flags().Args(); command.HasSubCommands() && len(left) > 0 {
		return fmt.Errorf("%s has no command %q", command.CommandPath(), left[0])
	}
	return nil
}

func TestDocuments_Commands(t *testing.T) {
	t.Parallel()
	count := 0
	for path, text := range documents(t) {
		for _, args := range commandLines(text) {
			count++
			if err := commandFault(args); err != nil {
				t.Errorf("%s: courier %s: %v", path, strings.Join(args, " "), err)
			}
		}
	}
	if count < 10 {
		t.Errorf("found %d commands in the documents", count)
	}
}

// The examples in the help are commands that exist.
func TestHelp_Examples(t *testing.T) {
	t.Parallel()
	var check func(command *cobra.Command)
	check = func(command *cobra.Command) {
		for _, args := range commandLines("```sh\n" + command.Example + "\n```") {
			if err := commandFault(args); err != nil {
				t.Errorf("%s: courier %s: %v", command.CommandPath(), strings.Join(args, " "), err)
			}
		}
		for _, child := range command.Commands() {
			check(child)
		}
	}
	check(newRoot(&shared{}))
}

func TestCommandFault(t *testing.T) {
	t.Parallel()
	text := "`courier gone` and\n```sh\nbin/courier send --gone x\ncourier serve -c a.yml # fine\necho courier\n```\n"
	commands := commandLines(text)
	want := [][]string{{"send", "--gone", "x"}, {"serve", "-c", "a.yml"}, {"gone"}}
	if !slices.EqualFunc(commands, want, slices.Equal) {
		t.Fatalf("commands = %q, want %q", commands, want)
	}
	for i, faulty := range []bool{true, false, true} {
		if err := commandFault(commands[i]); (err != nil) != faulty {
			t.Errorf("commandFault(%q) = %v", commands[i], err)
		}
	}
}

// The configuration and the template of the README pass the check, and render
// to the request that Twilio takes.
func TestReadme_Configuration(t *testing.T) {
	t.Parallel()
	text := documents(t)[filepath.Join("..", "..", "README.md")]
	dir := t.TempDir()
	template := filepath.Join(dir, "request.jsonnet")
	settings := filepath.Join(dir, "courier.yml")
	writeFile(t, template, block(t, text, "jsonnet"))
	writeFile(t, settings, strings.Replace(block(t, text, "yaml"), "file://request.jsonnet", "file://"+filepath.ToSlash(template), 1))

	env := map[string]string{"TWILIO_TOKEN": "hunter2"}
	if got := runCommand(t, env, "", "config", "check", "-c", settings); got.code != ExitDone {
		t.Errorf("config check = %+v", got)
	}
	got := runCommand(t, env, "", "render", "-c", settings, "--to", "+12065550199", "--body", "Your code is 123456")
	for _, want := range []string{
		"https://api.twilio.com/2010-04-01/Accounts/AXXXX/Messages.json",
		"Body=Your+code+is+123456", "From=%2B12065550110", "To=%2B12065550199",
	} {
		if got.code != ExitDone || !strings.Contains(got.stdout, want) {
			t.Errorf("render = %+v, want %s in it", got, want)
		}
	}
	if strings.Contains(got.stdout+got.stderr, "hunter2") {
		t.Errorf("render shows the password: %+v", got)
	}
}

// block returns the one fenced block of a language in a text.
func block(t *testing.T, text, language string) string {
	t.Helper()
	found := regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(text, -1)
	if len(found) != 1 {
		t.Fatalf("the text has %d blocks of %s, want 1", len(found), language)
	}
	return found[0][1]
}
