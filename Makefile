# Every target that CI calls, and those a developer calls by hand. Needs Go,
# git and make; a C compiler adds the race detector to the tests. The tests need
# a PostgreSQL and a Chromium, which the targets postgres and browser find or, for
# root on Debian, install.

GO       ?= go
FUZZTIME ?= 10s
COUNT    ?= 1
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null)
BIN      := bin
LINTER   := $(BIN)/golangci-lint
LINT_MOD := github.com/golangci/golangci-lint/v2/cmd/golangci-lint

# The race detector needs cgo, and cgo a C compiler.
CC_FOUND := $(shell [ "$$($(GO) env CGO_ENABLED)" = 1 ] && command -v "$$($(GO) env CC | cut -d' ' -f1)" 2>/dev/null)
# It watches all but SQLite and the C library below it: they are C that was translated to
# Go, lock by themselves, and take four times as long when they are watched.
UNWATCHED := modernc.org/sqlite/lib modernc.org/libc/... modernc.org/memory
RACE      := $(if $(CC_FOUND),-race $(UNWATCHED:%=-gcflags=%=-race=false))

# As make build does it, so that what one of them compiles serves the others.
PLAIN := CGO_ENABLED=0 GOFLAGS=-trimpath

.PHONY: help build dev postgres browser images test test-plain test-repeat lint fmt fuzz bench docs tidy-check clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build the static binary bin/courier
	@[ -e $(BIN)/courier ] || echo "building $(BIN)/courier; the first build compiles everything and takes 2 to 5 minutes"
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o $(BIN)/courier ./cmd/courier

dev: build ## Run a courier with a built-in inbox as its gateway; nothing to configure
	$(BIN)/courier dev

postgres: ## Find the PostgreSQL that the tests need, or install Debian's package
	@tools/postgres.sh

browser: ## Find the Chromium and the axe-core that the tests need, or install Debian's package and npm's
	@tools/browser.sh

images: browser ## Make the pictures of the documents anew, in docs/images
	COURIER_IMAGES=1 $(GO) test -count=1 -run 'TestBrowser_Busy|TestWorkbench_Page|TestDev_Phone' ./internal/web ./internal/app ./internal/cli

# Three packages at a time, as some wait; first the slowest. The vetting is of make lint.
test: postgres browser ## Run all tests in random order, with the race detector where a C compiler is found
	@$(if $(RACE),true,echo "no C compiler found: the tests run without the race detector")
	$(GO) test $(RACE) -vet=off -p 3 -shuffle=on -count=$(COUNT) -timeout 14m ./cmd/courier ./...
	cd bench && $(PLAIN) $(GO) test -vet=off -shuffle=on -count=$(COUNT) -timeout 5m ./...

test-plain: postgres browser ## Run all tests without the race detector, reusing earlier results
	$(GO) test ./...
	cd bench && $(GO) test ./...

test-repeat: ## Run all tests five times in a row
	$(MAKE) test COUNT=5

lint: $(LINTER) ## Run go vet and every linter of .golangci.yml
	$(PLAIN) $(GO) vet ./...
	$(PLAIN) $(LINTER) run ./...
	cd bench && $(PLAIN) $(GO) vet ./... && $(PLAIN) ../$(LINTER) run ./...
	$(LINTER) fmt --diff

fmt: $(LINTER) ## Format all Go files
	$(LINTER) fmt

$(LINTER): tools/go.mod tools/go.sum
	cd tools && $(PLAIN) $(GO) build -o ../$(LINTER) $(LINT_MOD)

fuzz: ## Run every fuzz target for FUZZTIME each
	@set -e; grep -rl --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file"); do \
			echo "fuzz $$(dirname "$$file") $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" </dev/null; \
		done; \
	done

bench: build postgres ## Measure throughput, latency and memory, write docs/benchmarks.md and docs/capacity.md
	cd bench && $(GO) run .

docs: ## Write the generated documents
	$(GO) test . ./internal/config ./internal/httpapi ./internal/gateway/preset -run 'TestGenerated|OpenAPIIsCommitted|TestPreset_Pages' -count=1 -update

tidy-check: ## Fail when go.mod or go.sum of a module is not tidy
	$(GO) mod tidy -diff
	cd tools && $(GO) mod tidy -diff
	cd bench && $(GO) mod tidy -diff

clean: ## Remove what the other targets built
	rm -rf $(BIN)
