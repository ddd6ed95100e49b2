package courier_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"courier"
	"courier/internal/config"
)

// The user of the image, and the time that a stop takes after dispatch.grace_period.
const (
	imageUser = 65532
	stopTime  = 30 * time.Second
)

// TestDeploy_Parse wants every YAML and JSON file below deploy to be well-formed.
func TestDeploy_Parse(t *testing.T) {
	t.Parallel()
	count := 0
	err := fs.WalkDir(os.DirFS("."), "deploy", func(name string, _ fs.DirEntry, err error) error {
		if ext := path.Ext(name); ext == ".yaml" || ext == ".yml" || ext == ".json" {
			count += len(documents(t, name))
		}
		return err
	})
	if err != nil || count < 10 {
		t.Errorf("found %d documents (%v)", count, err)
	}
}

// TestDeploy_Metrics wants rules and dashboard to name metrics and values of labels
// that there are: what is misspelt never fires.
func TestDeploy_Metrics(t *testing.T) {
	t.Parallel()
	registered := metricNames(parseTree(t, os.DirFS(".")))
	values := map[string][]string{"outcome": {}, "status": {}}
	for _, outcome := range courier.Outcomes() {
		values["outcome"] = append(values["outcome"], string(outcome))
	}
	for _, status := range courier.Statuses() {
		values["status"] = append(values["status"], string(status))
	}
	for _, name := range []string{"prometheus/courier.rules.yml", "prometheus/courier.rules.test.yml", "grafana/courier.json"} {
		text := strings.ReplaceAll(read(t, os.DirFS("deploy"), name), `\"`, `"`)
		named := matches(text, `\b(courier_[a-z_]+?)(?:_bucket)?\b`, whole)
		if len(named) < 10 {
			t.Errorf("%s names the metrics %v", name, named)
		}
		for _, metric := range named {
			if !slices.Contains(registered, metric) {
				t.Errorf("%s names %s, which nothing registers", name, metric)
			}
		}
		for label, known := range values {
			for _, value := range matches(text, label+`=~?"([a-z_]+)"`, whole) {
				if !slices.Contains(known, value) {
					t.Errorf("%s: there is no %s %s", name, label, value)
				}
			}
		}
	}
}

// TestDeploy_Alerts wants each alert to say how bad it is and what to do, in a section of
// docs/operations.md, and docs/deployment.md to list it.
func TestDeploy_Alerts(t *testing.T) {
	t.Parallel()
	const operations = "docs/operations.md"
	guide, listed := read(t, os.DirFS("."), operations), read(t, os.DirFS("."), "docs/deployment.md")
	sections := map[string]string{}
	for _, section := range strings.Split(guide, "\n## ")[1:] {
		sections[anchors("## " + section)[0]] = section
	}
	used := map[string]bool{}
	for _, rule := range list(t, documents(t, "deploy/prometheus/courier.rules.yml")[0], "groups.0.rules") {
		name := text(t, rule, "alert")
		if severity := text(t, rule, "labels.severity"); severity != "critical" && severity != "warning" {
			t.Errorf("%s has the severity %s", name, severity)
		}
		if text(t, rule, "annotations.summary") == "" {
			t.Errorf("%s has no summary", name)
		}
		document, anchor, _ := strings.Cut(text(t, rule, "annotations.runbook"), "#")
		if document != operations || !strings.Contains(sections[anchor], "`"+name+"`") {
			t.Errorf("no section %s of %s is about %s", anchor, operations, name)
		}
		if used[anchor] = true; !strings.Contains(listed, "`"+name+"`") {
			t.Errorf("docs/deployment.md does not list %s", name)
		}
	}
	for anchor := range sections {
		if !used[anchor] {
			t.Errorf("no alert leads to the section %s", anchor)
		}
	}
}

// TestDeploy_Unit wants the unit to keep what the documents promise of it.
func TestDeploy_Unit(t *testing.T) {
	t.Parallel()
	unit := read(t, os.DirFS("."), "deploy/systemd/courier.service")
	for _, want := range []string{
		"ExecStart=/usr/bin/courier serve -c /etc/courier/courier.yml", "ExecReload=/bin/kill -HUP $MAINPID",
		"User=courier", "StateDirectory=courier", "WorkingDirectory=/var/lib/courier", "Restart=always", "UMask=0077",
		"NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes",
		"ProtectProc=invisible", "ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectControlGroups=yes",
		"CapabilityBoundingSet=", "RestrictNamespaces=yes", "MemoryDenyWriteExecute=yes", "LockPersonality=yes",
		"RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "SystemCallFilter=@system-service", "SystemCallFilter=~@privileged",
	} {
		if !strings.Contains(unit, "\n"+want+"\n") {
			t.Errorf("the unit lacks %s", want)
		}
	}
	if strings.Contains(unit, "@resources") {
		t.Error("the unit forbids setrlimit, by which template processes are bounded")
	}
	if users := read(t, os.DirFS("."), "deploy/systemd/courier.sysusers"); !strings.HasPrefix(users, "u courier ") {
		t.Errorf("sysusers makes another user than the unit has: %s", users)
	}
	stop, err := strconv.Atoi(matches(unit, `(?m)^TimeoutStopSec=(\d+)$`, whole)[0])
	if least := loaded(t, "deploy/systemd/courier.yml").Dispatch.GracePeriod + stopTime; err != nil || seconds(stop) <= least {
		t.Errorf("TimeoutStopSec is %d (%v), a stop may take %s", stop, err, least)
	}
}

// TestDeploy_Image wants the Dockerfile to build as the Makefile does, with the Go of
// go.mod, and to run as a user that is not root.
func TestDeploy_Image(t *testing.T) {
	t.Parallel()
	tree := os.DirFS(".")
	dockerfile, ports := read(t, tree, "deploy/docker/Dockerfile"), loaded(t, "deploy/systemd/courier.yml")
	for _, want := range []string{
		"FROM golang:" + matches(read(t, tree, "go.mod"), `(?m)^go (.*)$`, whole)[0] + " AS build\n",
		"CGO_ENABLED=0 go build -trimpath", "-X main.version=${VERSION}", " ./cmd/courier", "\nFROM scratch\n",
		fmt.Sprintf("\nUSER %d:%[1]d\n", imageUser), fmt.Sprintf("--chown=%d:%[1]d ", imageUser),
		fmt.Sprintf("\nEXPOSE %d %d\n", ports.Public.Port, ports.API.Port), "ca-certificates.crt",
	} {
		if !strings.Contains(dockerfile, want) {
			t.Errorf("the Dockerfile lacks %q", want)
		}
	}
	ignored := read(t, tree, "deploy/docker/Dockerfile.dockerignore")
	for _, file := range parseTree(t, tree) {
		if dir, _, _ := strings.Cut(file.Dir, "/"); dir != "." && !strings.Contains(ignored, "\n!"+dir+"\n") {
			t.Errorf("the image is built without %s", file.Path)
		}
	}
}

// TestDeploy_Compose wants the compose file to agree with the image and the defaults.
func TestDeploy_Compose(t *testing.T) {
	t.Parallel()
	c := loaded(t, "deploy/compose/courier.yml", "TWILIO_ACCOUNT_SID=AC00000000000000000000000000000000", "TWILIO_AUTH_TOKEN=x",
		"TWILIO_RECEIPT_SECRET=0123456789abcdef", "SHOP_KEY_HASH=sha256:"+strings.Repeat("0", 64))
	compose := documents(t, "deploy/compose/compose.yaml")[0]
	service := at(t, compose, "services.courier")
	want := map[string]any{
		"build.dockerfile": "deploy/docker/Dockerfile", "user": fmt.Sprintf("%d:%[1]d", imageUser), "read_only": true,
		"cap_drop.0": "ALL", "security_opt.0": "no-new-privileges:true",
		"ports.0": fmt.Sprintf("127.0.0.1:%d:%[1]d", c.API.Port), "ports.1": fmt.Sprintf("127.0.0.1:%d:%[1]d", c.Public.Port),
	}
	for key, value := range want {
		if got := at(t, service, key); got != value {
			t.Errorf("%s is %v, want %v", key, got, value)
		}
	}
	grace, err := time.ParseDuration(text(t, service, "stop_grace_period"))
	if least := c.Dispatch.GracePeriod + stopTime; err != nil || grace <= least {
		t.Errorf("stop_grace_period is %s (%v), a stop may take %s", grace, err, least)
	}
	example := read(t, os.DirFS("."), "deploy/compose/example.env")
	for _, file := range []string{"compose.yaml", "courier.yml"} {
		for _, name := range matches(read(t, os.DirFS("deploy/compose"), file), `(?:env://|\$\{)([A-Z_]+)`, whole) {
			if !strings.Contains(example, "\n"+name+"=\n") {
				t.Errorf("example.env lacks %s", name)
			}
		}
	}
}

// TestDeploy_Kubernetes wants the manifests to agree with each other, with the image and
// with the defaults, and their configuration to be valid.
func TestDeploy_Kubernetes(t *testing.T) {
	t.Parallel()
	const mountedAt = "/run/secrets/courier"
	settings := documents(t, "deploy/kubernetes/config.yaml")
	dir := t.TempDir()
	secrets, ok := at(t, settings[1], "stringData").(map[string]any)
	if !ok {
		t.Fatal("the Secret has no stringData")
	}
	for name, value := range secrets {
		writeFile(t, filepath.Join(dir, name), fmt.Sprint(value))
	}
	written := filepath.Join(dir, "courier.yml")
	data, ok := at(t, settings[0], "data").(map[string]any)
	if !ok {
		t.Fatal("the ConfigMap has no data")
	}
	writeFile(t, written, strings.ReplaceAll(fmt.Sprint(data["courier.yml"]), mountedAt, dir))
	for file, kind := range map[string]string{"postgres": "Deployment", "sqlite": "StatefulSet"} {
		workload := documents(t, "deploy/kubernetes/"+file+".yaml")[0]
		pod := at(t, workload, "spec.template.spec")
		container := at(t, pod, "containers.0")
		dsn := strings.ReplaceAll(text(t, container, "env.0.value"), mountedAt, dir)
		c := loaded(t, written, "STORE_DSN="+dsn)
		want := map[string]any{
			"kind": kind, "spec.selector.matchLabels": at(t, workload, "spec.template.metadata.labels"),
			"spec.template.spec.enableServiceLinks": false, "spec.template.spec.automountServiceAccountToken": false,
			"spec.template.spec.securityContext.runAsNonRoot": true, "spec.template.spec.securityContext.runAsUser": imageUser,
			"spec.template.spec.securityContext.fsGroup": imageUser,
		}
		for key, value := range map[string]any{
			"args": []any{"serve", "-c", "/etc/courier/courier.yml"}, "env.0.name": "STORE_DSN",
			"securityContext.readOnlyRootFilesystem": true, "securityContext.allowPrivilegeEscalation": false,
			"securityContext.capabilities.drop": []any{"ALL"},
			"ports.0":                           map[string]any{"name": "admin", "containerPort": c.API.Port},
			"ports.1":                           map[string]any{"name": "public", "containerPort": c.Public.Port},
			"startupProbe.httpGet":              map[string]any{"path": "/health/alive", "port": "admin"},
			"livenessProbe.httpGet":             map[string]any{"path": "/health/alive", "port": "admin"},
			"readinessProbe.httpGet":            map[string]any{"path": "/health/ready", "port": "admin"},
			"volumeMounts.0.mountPath":          "/etc/courier", "volumeMounts.1.mountPath": mountedAt,
		} {
			want["spec.template.spec.containers.0."+key] = value
		}
		for key, value := range want {
			if diff := cmp.Diff(value, at(t, workload, key)); diff != "" {
				t.Errorf("%s: %s: %s", file, key, diff)
			}
		}
		least := c.Dispatch.GracePeriod + stopTime + seconds(number(t, container, "lifecycle.preStop.sleep.seconds"))
		if grace := seconds(number(t, pod, "terminationGracePeriodSeconds")); grace <= least {
			t.Errorf("%s: a pod has %s to stop, which may take %s", file, grace, least)
		}
		for i, port := range []int{c.API.Port, c.Public.Port} {
			service := documents(t, "deploy/kubernetes/service.yaml")[i]
			if got := number(t, service, "spec.ports.0.port"); got != port {
				t.Errorf("service %d has the port %d, want %d", i, got, port)
			}
			if diff := cmp.Diff(at(t, workload, "spec.template.metadata.labels"), at(t, service, "spec.selector")); diff != "" {
				t.Errorf("service %d selects other pods: %s", i, diff)
			}
		}
	}
	if replicas := number(t, documents(t, "deploy/kubernetes/sqlite.yaml")[0], "spec.replicas"); replicas != 1 {
		t.Errorf("SQLite has %d replicas", replicas)
	}
}

// TestDeploy_Package wants both descriptions of the Debian package to be one, and their
// files to exist.
func TestDeploy_Package(t *testing.T) {
	t.Parallel()
	nfpm, release := documents(t, "deploy/debian/nfpm.yaml")[0], documents(t, "deploy/goreleaser.yaml")[0]
	contents, released := list(t, nfpm, "contents"), at(t, release, "nfpms.0")
	if diff := cmp.Diff(at(t, released, "contents"), any(contents[1:])); diff != "" {
		t.Errorf("contents of goreleaser and nfpm: %s", diff)
	}
	for _, keys := range [][2]string{{"scripts", "scripts"}, {"description", "description"}, {"depends", "dependencies"}, {"license", "license"}} {
		if diff := cmp.Diff(at(t, released, keys[1]), at(t, nfpm, keys[0])); diff != "" {
			t.Errorf("%s of goreleaser and nfpm: %s", keys[0], diff)
		}
	}
	if got, want := text(t, contents[0], "dst"), "/usr/bin/courier"; got != want {
		t.Errorf("the binary goes to %s, want %s as in the unit", got, want)
	}
	files := []string{strings.TrimPrefix(text(t, release, "builds.0.main"), "./")}
	for _, content := range contents[1:] {
		if entry, ok := content.(map[string]any); ok && entry["type"] != "dir" {
			files = append(files, text(t, content, "src"))
		}
	}
	for _, script := range []string{"postinstall", "preremove", "postremove"} {
		files = append(files, text(t, nfpm, "scripts."+script))
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			t.Errorf("the package lacks a file: %v", err)
		}
	}
	if flags := text(t, release, "builds.0.ldflags.0"); !strings.Contains(flags, "-X main.version=v{{ .Version }}") {
		t.Errorf("a release is built with %s", flags)
	}
}

// loaded returns a valid configuration.
func loaded(t *testing.T, file string, environ ...string) *config.Config {
	t.Helper()
	c, err := config.Load(config.Options{Files: []string{file}, Environ: environ})
	if err != nil {
		t.Fatalf("load %s: %v", file, err)
	}
	return c
}

// documents returns those of a YAML or JSON file.
func documents(t *testing.T, name string) []any {
	t.Helper()
	content := []byte(read(t, os.DirFS("."), name))
	if path.Ext(name) == ".json" {
		var document any
		if err := json.Unmarshal(content, &document); err != nil {
			t.Fatalf("parse %s: %v", name, err)
		}
		return []any{document}
	}
	var out []any
	for decoder := yaml.NewDecoder(bytes.NewReader(content)); ; {
		var document any
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("parse %s: %v", name, err)
		}
		out = append(out, document)
	}
}

// at returns the value at a path of keys and indices, such as spec.ports.0.port.
func at(t *testing.T, value any, keys string) any {
	t.Helper()
	for key := range strings.SplitSeq(keys, ".") {
		switch node := value.(type) {
		case map[string]any:
			value = node[key]
		case []any:
			index, err := strconv.Atoi(key)
			if err != nil || index >= len(node) {
				t.Fatalf("%s: there is no item %s", keys, key)
			}
			value = node[index]
		default:
			t.Fatalf("%s: nothing has the key %s", keys, key)
		}
	}
	return value
}

func text(t *testing.T, value any, keys string) string {
	t.Helper()
	return as[string](t, value, keys)
}

func number(t *testing.T, value any, keys string) int {
	t.Helper()
	return as[int](t, value, keys)
}

func list(t *testing.T, value any, keys string) []any {
	t.Helper()
	return as[[]any](t, value, keys)
}

func as[T any](t *testing.T, value any, keys string) T {
	t.Helper()
	found, ok := at(t, value, keys).(T)
	if !ok {
		t.Fatalf("%s is %v", keys, at(t, value, keys))
	}
	return found
}

func seconds(count int) time.Duration { return time.Duration(count) * time.Second }

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatalf("write file: %v", err)
	}
}
