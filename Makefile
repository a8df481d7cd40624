# `make run` to try Flyleaf, `make test` to test it.
GO ?= go
# Executions of each fuzz target: a few seconds. A duration works too (FUZZTIME=30s), but Go's
# fuzzer sometimes reports the end of the time as a failure.
FUZZTIME ?= 10000x

.PHONY: run build web dist test race lint fuzz bench microbench wasm nocgo native docs clean

run: ## a relay and the app with a sample week, on the desktop and in a browser tab
	$(GO) run ./internal/buildweb -embed -fast -out webapp/dist
	@$(MAKE) --no-print-directory build
	./bin/flyleaf demo $(ARGS)

build: ## bin/flyleaf and bin/syncserver
	@mkdir -p bin
	$(GO) build -o bin/flyleaf ./cmd/app
	CGO_ENABLED=0 $(GO) build -o bin/syncserver ./cmd/syncserver

web: ## Flyleaf for the browser: bin/web for any web server, webapp/dist to be embedded in the relay
	$(GO) run ./internal/buildweb -out bin/web
	$(GO) run ./internal/buildweb -embed -from bin/web -out webapp/dist

dist: web ## bin/dist: archives of both programs for Linux, macOS and Windows, with checksums; ARGS="-version v1.2.0"
	$(GO) run ./internal/builddist $(ARGS)

test: ## all tests; those that need Chromium or Node are skipped without them
	$(GO) test -timeout 30m ./...

race: ## short tests with the race detector, and with the lock order checked
	$(GO) test -timeout 30m -race -short ./crdt/... ./storage/... ./relay/... ./node/... ./webui/...
	$(GO) test -timeout 30m -race -short -tags lockorder ./replica/... ./internal/lockorder

lint: ## vet, staticcheck, formatting
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	@out=$$($(GO) tool gofumpt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "run gofumpt on:"; echo "$$out"; exit 1; }

fuzz: ## every fuzz target for FUZZTIME
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "fuzz $$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; done

bench: ## compares the relay with other sync servers, into bench/RESULTS.md; ARGS="-h" lists options
	$(GO) run ./bench $(ARGS)

microbench: ## benchmarks of the packages
	$(GO) test -run '^$$' -bench . -benchmem ./crdt/... ./storage/... ./webui/... ./importer/... ./publish/...

wasm: ## builds the packages that run in a browser tab
	GOOS=js GOARCH=wasm $(GO) build ./schema ./qa ./crdt/wire ./crdt/graph ./crdt/projection ./crdt/sync/... ./crdt/bundle ./keys ./crdt/policy ./crdt/describe ./crdt/verify ./keys/identity ./storage ./storage/mem ./storage/idb ./replica/... ./feed ./node/... ./importer/... ./publish/... ./webui ./cmd/web ./cmd/convert

nocgo: ## both programs without cgo for three systems; the app then uses the native engine
	$(GO) run ./internal/builddist -systems linux/amd64,darwin/arm64,windows/amd64 -out bin/nocgo

native: ## tests of the packages that write changes, with the native engine
	$(GO) test -short -tags native ./crdt ./replica

docs: ## the generated parts of docs/: the packages and their picture, the schema, all commands
	$(GO) test -count=1 -run TestArchitectureIsDescribed . -update
	$(GO) test -count=1 -run TestSchemaIsDescribed ./schema -update
	$(GO) test -count=1 -run TestCommandReference ./cmd/app -update

clean:
	rm -rf bin
