# Masq. `make run` tries it, `make test` checks it, `make` lists the rest.

BUILD := $(CURDIR)/.build
CHROMIUM := $(BUILD)/bin/headless_shell# the name under which wasmbrowsertest looks first
STEP := @.ci/step
MAKEFLAGS += --no-print-directory

GO_NATIVE := ./core/... ./web/... ./wasm/client/codec/...
# What runs inside the browser, and is therefore tested there again.
ENGINE := internal/clock wire storage storage/mem storage/storagetest compact vault table table/deflate ledger replica roster session pairing pairing/cpace peer relay
GO_ENGINE := $(patsubst %/,./%,$(sort $(dir $(wildcard $(ENGINE:%=core/%/*.go)))))
# Whose tests take minutes there: make test-all runs them. make test runs that package in the browser as part of the client.
GO_LONG := ./core/peer
# What starts no goroutine (core/internal/floors tests that), and so cannot race: make test-all runs it with the race detector, too.
GO_DRIVEN = $(filter-out ./core/storage/mem,$(GO_ENGINE)) ./core/sim
GO_RACING = $(filter-out $(GO_DRIVEN:./%=github.com/masqdev/masq/%),$(shell go list $(GO_NATIVE)))
GO_WASM = $(shell GOOS=js GOARCH=wasm go list -deps -f '{{if .Module}}{{if .Module.Main}}{{.ImportPath}}{{end}}{{end}}' ./wasm/...)
# Prints the flags of the client's build, with which what is in the client is tested in the browser, too.
SLIM := go run ./core/internal/slim $(BUILD)/slim
IN_BROWSER := GOOS=js GOARCH=wasm go test -exec $(CURDIR)/.ci/in-browser

PRETTIER := node_modules/.bin/prettier --log-level warn --ignore-path ../.gitignore . ../web/demo ../web/manager ../web/shared ../web/test ../.ci/*.mjs

# What a browser downloads may weigh this much, in kB (1,000 bytes) of brotli; and what the WebAssembly is then, which each start reads.
SHIM_BUDGET := 15.1
WASM_BUDGET := 850/4700
# And what the Worker is made of this much of gzip: the platform's free plan takes no more.
WORKER_BUDGET := 3000

# What js/dist and web/dist are made of.
WEB_SOURCES := go.mod LICENSE $(shell find core wasm js/src js/declarations js/scripts js/package.json js/tsconfig*.json web/demo web/manager web/shared -type f ! -name '*_test.go')

WORKER_SOURCES := go.mod $(shell find core/internal core/relay core/wire wasm/syncserver js/cloudflare -type f ! -name '*_test.go' ! -name '*.md')

comma := ,

SEEDS ?= 50
FIRST ?= 1
FUZZTIME ?= 20s

.DEFAULT_GOAL := help
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*/\1/p' $(MAKEFILE_LIST))

help: ## list what make can do
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "  make %-14s %s\n", $$1, $$2 }'

run: build ## build Masq, then serve the demo and a Sync Server on localhost; Ctrl-C ends it
	@exec $(BUILD)/masq up $(ARGS)

build: web binary ## build the client, the pages and .build/masq

web: need $(BUILD)/web

$(BUILD)/web: js/node_modules/.package-lock.json $(WEB_SOURCES)
	@echo 'building the client, the demo and the Store manager'
	@cd js && npm run --silent build
	@mkdir -p $(BUILD) && touch $@

# VERSION=1.2.3 makes the bytes of that release: the flags are those of .goreleaser.yaml.
RELEASE = $(if $(VERSION),-ldflags '-s -w -buildid= -X main.release=$(VERSION)')

binary: web
	@echo 'building masq'
	@$(if $(VERSION),CGO_ENABLED=0) go build -trimpath -buildvcs=false $(RELEASE) -o $(BUILD)/masq ./core/cmd/masq

worker: $(BUILD)/worker/worker.mjs ## build the Sync Server as a Worker, into .build/worker
	@$(WORKER_SIZE)

WORKER_SIZE = node .ci/size.mjs --gzip server $(BUILD)/worker/worker.mjs,$(BUILD)/worker/front.wasm,$(BUILD)/worker/channel.wasm $(WORKER_BUDGET)

$(BUILD)/worker/worker.mjs: js/node_modules/.package-lock.json $(WORKER_SOURCES)
	@.ci/need go node
	@echo 'building the Worker'
	@node js/cloudflare/build.mjs

# The platform's own runtime, for the Worker's tests only: 47 MB to download.
WORKERD := $(BUILD)/workerd/node_modules/.package-lock.json

$(WORKERD): js/cloudflare/workerd.json js/cloudflare/workerd-lock.json
	@echo 'installing workerd'
	@mkdir -p $(BUILD)/workerd
	@cp js/cloudflare/workerd.json $(BUILD)/workerd/package.json
	@cp js/cloudflare/workerd-lock.json $(BUILD)/workerd/package-lock.json
	@cd $(BUILD)/workerd && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error && touch node_modules/.package-lock.json

js/node_modules/.package-lock.json: js/package.json js/package-lock.json
	@echo 'installing npm packages'
	@cd js && npm ci --no-audit --no-fund && touch node_modules/.package-lock.json

need:
	@.ci/need go node

chrome:
	@.ci/chrome $(CHROMIUM)

test: need ## check everything that has to hold before a change is merged
	@.ci/need cc
	@$(MAKE) chrome
	$(STEP) 'build' $(MAKE) build
	@printf '\nthe other steps, two at a time: each prints what it has to say when it is done\n'
	@$(MAKE) -j2 -Orecurse steps
	@printf '\nall is well\n'

# The longest first, which waits most of the time. What builds the same comes one after the other.
steps: step-js step-lint step-go step-browser step-vectors step-sim step-worker step-smoke step-size

step-js:
	$(STEP) 'TypeScript tests' $(MAKE) test-js
step-lint:
	$(STEP) 'lint' $(MAKE) lint
step-go:
	$(STEP) 'Go tests' $(MAKE) test-go
step-browser:
	$(STEP) 'Go tests in the browser' $(MAKE) test-browser
step-vectors: step-browser
	$(STEP) 'vectors' $(MAKE) vectors
step-sim:
	$(STEP) 'simulation' $(MAKE) sim SEEDS=40
step-worker:
	$(STEP) 'Worker tests' $(MAKE) test-worker
step-smoke: step-worker
	$(STEP) 'smoke test' $(MAKE) smoke
step-size: step-worker
	$(STEP) 'sizes' $(MAKE) size

test-go:
	@go test -timeout 15m $(GO_DRIVEN)
	@go test -race -timeout 15m $(GO_RACING)

test-browser: web chrome $(BUILD)/bin/wasmbrowsertest
	@flags=$$($(SLIM)) && GOFLAGS="$$flags" $(IN_BROWSER) -timeout 8m $(filter-out $(GO_LONG),$(GO_ENGINE)) ./wasm/client/...
	@$(IN_BROWSER) -timeout 4m ./wasm/syncserver/...

test-browser-long: web chrome $(BUILD)/bin/wasmbrowsertest
	@flags=$$($(SLIM)) && GOFLAGS="$$flags" $(IN_BROWSER) -timeout 20m $(GO_LONG)

vectors: binary chrome $(BUILD)/bin/wasmbrowsertest ## check the vectors of core/testdata/vectors: natively, in the browser, by the second implementation, in Python; and published ones
	@flags=$$($(SLIM)) && go run ./core/internal/vectors -masq $(BUILD)/masq -exec $(CURDIR)/.ci/in-browser -goflags "$$flags"

test-js: build chrome
	@cd js && CHROME=$(CHROMIUM) npm test --silent && node --test --test-reporter=dot smoke/search.test.mjs
	@cd js && node --test --test-reporter=spec browsers/webkit-reload.test.mjs

test-browsers: binary chrome ## every case in Chromium, Firefox and WebKit, as a table: BROWSER=firefox,webkit CASE=reload choose among them
	@.ci/browsers
	@cd js && CHROME=$(CHROMIUM) FIREFOX=$${FIREFOX:-$$(command -v firefox-esr || command -v firefox)} \
		BROWSER='$(BROWSER)' CASE='$(value CASE)' ../.ci/alone node browsers/run.mjs

looks: build chrome ## see every state of Notes and the manager: wide, narrow, light, dark, English, French; pictures in .build/looks; SCENE=^join
	@cd js && CHROME=$(CHROMIUM) LOOKS=all SCENE='$(value SCENE)' npm test --silent -- looks

test-worker: web chrome $(BUILD)/worker/worker.mjs $(WORKERD) ## test the Worker in workerd
	@go test -c -o $(BUILD)/conformance.test ./core/relay/conformance
	@cd js && CHROME=$(CHROMIUM) node --test --test-reporter=spec --test-timeout=600000 cloudflare/*.test.mjs

test-all: test ## make test, and what takes longer: see its steps
	$(STEP) 'tests in three browsers' $(MAKE) test-browsers
	$(STEP) 'long Go tests in the browser' $(MAKE) test-browser-long
	$(STEP) 'the engine under the race detector' go test -race -timeout 40m $(GO_DRIVEN)
	$(STEP) 'looks' $(MAKE) looks
	$(STEP) 'simulation' $(MAKE) sim SEEDS=500
	$(STEP) 'kills' $(MAKE) kill
	$(STEP) 'old and new devices' $(MAKE) mixed SEEDS=200
	$(STEP) 'fuzzing' $(MAKE) fuzz
	$(STEP) 'mutants' $(MAKE) mutants-rights
	$(STEP) 'release' $(MAKE) release-check
	$(STEP) 'strace' $(MAKE) strace
	$(STEP) 'smoke test without a network' $(MAKE) smoke-offline
	$(STEP) 'smoke test over each Sync Server' $(MAKE) smoke-servers
	$(STEP) 'fixtures' $(MAKE) fixtures
	$(STEP) 'operating' $(MAKE) test-operating

smoke: binary chrome ## the three scenarios with real stores, browsers and Sync Server, in under 90 s; SCENARIO=2: one; SYNC=url[,url]: over that server
	@go build -o $(BUILD)/tap ./core/relay/tap
	@cd js && CHROME=$(CHROMIUM) SCENARIO='$(SCENARIO)' SYNC='$(SYNC)' node smoke/smoke.mjs

smoke-offline: binary chrome ## the smoke test with no network but loopback, as on a train
	@go build -o $(BUILD)/tap ./core/relay/tap
	@.ci/offline $(BUILD)/bin/offline_shell env SCENARIO='$(SCENARIO)' node js/smoke/smoke.mjs

smoke-servers: binary chrome $(BUILD)/bin/nats-server $(BUILD)/worker/worker.mjs $(WORKERD) ## the smoke test over each Sync Server there is: a node, two nodes, the Worker
	@go build -o $(BUILD)/tap ./core/relay/tap
	@cd js && CHROME=$(CHROMIUM) SCENARIO='$(SCENARIO)' node smoke/everywhere.mjs

sim: ## simulate meshes of devices: SEEDS=50 FIRST=1, or SEED=n step by step; HOSTILE=1 with a member that lies, LIES=end-known,ack only so
	@go run ./core/sim/masqsim $(if $(HOSTILE),-hostile -lies '$(LIES)') $(if $(SEED),-seed $(SEED) -v,-seeds $(SEEDS) -first $(FIRST))

kill: web chrome ## kill what programs and pages write to and watch, a store 200 times, Chromium 30: nothing is lost, and nobody is left with what was never stored; KILLS=n SEED=n
	@go test ./core/cmd/masq -run '^TestKill$$' -count=1 -v -timeout 20m -args -kills $(or $(KILLS),200) $(if $(SEED),-seed $(SEED))
	@cd js && CHROME=$(CHROMIUM) KILLS='$(or $(KILLS),30)' SEED='$(SEED)' node browsers/kills.mjs

mutants-rights: ## remove each check that keeps a removed device out, or a peer or a page inside what it may: a test has to fail
	@go run ./core/internal/mutants $(if $(ONLY),-only '$(value ONLY)')

sim-mutants: ## plant bugs that only a mesh meets, one at a time: the simulator has to find each; ONLY=text: some of them
	@go run ./core/internal/mutants -sim $(if $(ONLY),-only '$(value ONLY)')

mixed: need ## run devices of an old version of Masq and of this one together: SEEDS=50 FIRST=1, or SEED=n step by step
	@.ci/mixed $(if $(SEED),-seed $(SEED) -v,-seeds $(SEEDS) -first $(FIRST))
	@.ci/mixed -together $(if $(SEED),-seed $(SEED) -v,-seeds $(SEEDS) -first $(FIRST))

fuzz: ## run every fuzz target for FUZZTIME=20s
	@.ci/fuzz $(FUZZTIME)

conformance: ## check that a Sync Server is one: URL=wss://sync.example.org, OTHER= another node, NOCAPS=1 without caps per address
	@MASQ_CONFORMANCE_URL='$(URL)' MASQ_CONFORMANCE_OTHER='$(OTHER)' MASQ_CONFORMANCE_NOCAPS='$(NOCAPS)' \
		go test -count 1 -v $(if $(URL),-run TestServer) ./core/relay/conformance

strace: binary ## look at the system calls: a put is on the disk before it is answered, and the Sync Server writes to none
	@.ci/strace $(BUILD)/masq
	@.ci/stores-nothing $(BUILD)/masq

package: web ## build the deb and the rpm of a release into .build/packages: VERSION=1.2.3
	@test -n '$(VERSION)' || { printf 'masq: error: a package needs a version\nmasq: hint: make package VERSION=1.2.3\n' >&2; exit 1; }
	@go build -C .ci/operating -o $(BUILD)/bin/operating . && $(BUILD)/bin/operating '$(VERSION)' $(BUILD)/packages

# Debian's nginx and Caddy, the package and the container are looked at as root: in a container for example.
test-operating: binary ## test what an operator has: the package's units under systemd, the container, nginx, Caddy, compose
	@.ci/proxies
	@cd .ci/operating && test -z "$$(gofmt -l .)" && go vet . && go test -count 1 -timeout 10m .
	@$(MAKE) package VERSION=12.34.56
	@.ci/installed $(BUILD)/packages/masq_12.34.56_$$(go env GOARCH).deb

bench-relay: binary $(BUILD)/bin/nats-server ## measure the Sync Server beside y-websocket's and NATS': CONNS=18000 RATE=20000 ONLY=idle,throughput,latency,nodes,restart,abuse
	@mkdir -p $(BUILD)/bench-relay && npm install --silent --no-audit --no-fund --prefix $(BUILD)/bench-relay y-websocket@2.1.0 yjs@13.6.33
	@go build -o $(BUILD)/bin/bench-relay ./core/relay/bench
	@$(BUILD)/bin/bench-relay -masq $(BUILD)/masq -nats $(BUILD)/bin/nats-server -yjs $(BUILD)/bench-relay/node_modules/y-websocket/bin/server.cjs \
		$(if $(CONNS),-conns $(CONNS)) $(if $(RATE),-rate $(RATE)) $(if $(ONLY),-only $(ONLY))

reproduce: need ## build what is committed twice, in different folders, and compare
	@.ci/reproduce

# What goes along with a release: its bill of materials, and a signature under the checksums.
release-tools: $(BUILD)/bin/cyclonedx-gomod $(BUILD)/bin/minisign

# The validator of bills of materials.
VALIDATOR := $(BUILD)/release/node_modules/.package-lock.json

$(VALIDATOR): .ci/release/package.json .ci/release/package-lock.json
	@echo "installing CycloneDX's validator"
	@mkdir -p $(BUILD)/release && cp .ci/release/*.json $(BUILD)/release
	@cd $(BUILD)/release && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error && touch node_modules/.package-lock.json

release-check: need release-tools $(VALIDATOR) ## check what goes along with a release: the SBOM is valid, the checksums are signed; with a key of its own
	@CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -buildid= -X main.release=12.34.56' -o $(BUILD)/release/masq ./core/cmd/masq
	@.ci/release-check $(BUILD)/release/masq

vuln: need $(BUILD)/bin/govulncheck ## look for known vulnerabilities in what is built: the programs natively, the client in the browser
	@$(BUILD)/bin/govulncheck ./core/... ./web/...
	@GOOS=js GOARCH=wasm $(BUILD)/bin/govulncheck ./wasm/...

lint: lint-go lint-wasm lint-js lint-package ## check format, vet, static analysis, imports and types

lint-go: need $(BUILD)/bin/staticcheck
	@bad=$$(gofmt -l core wasm web) && test -z "$$bad" || { echo "not formatted (make fmt):" $$bad; exit 1; }
	@go vet $(GO_NATIVE)
	@$(BUILD)/bin/staticcheck $(GO_NATIVE)
	@go test -count 1 ./core/internal/...

lint-wasm: need $(BUILD)/bin/staticcheck
	@GOOS=js GOARCH=wasm go vet $(GO_WASM)
	@GOOS=js GOARCH=wasm $(BUILD)/bin/staticcheck $(GO_WASM)

lint-js: js/node_modules/.package-lock.json
	@cd js && npm run --silent typecheck && npm run --silent circles && node_modules/.bin/tsc -p ../web/demo && node_modules/.bin/tsc -p ../web/manager
	@cd js && $(PRETTIER) --check

# What looks at the package as npm would be handed it.
LINTERS := $(BUILD)/fixtures/lint/node_modules/.package-lock.json

$(LINTERS): js/fixtures/lint/package.json js/fixtures/lint/package-lock.json
	@echo 'installing publint and attw'
	@mkdir -p $(BUILD)/fixtures/lint && cp js/fixtures/lint/*.json $(BUILD)/fixtures/lint
	@cd $(BUILD)/fixtures/lint && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error && touch node_modules/.package-lock.json

# attw leaves out TypeScript's node10, which knows no exports, and that CommonJS gets a module, which Node 20.19 takes.
lint-package: web $(LINTERS)
	@cd js && npm pack --silent --ignore-scripts --pack-destination $(BUILD)/fixtures/lint >$(BUILD)/fixtures/lint/name
	@cd $(BUILD)/fixtures/lint && npx --no publint run "$$(cat name)" --strict && npx --no attw "$$(cat name)" --config-path attw.json --quiet

fixtures: web chrome ## build and run what applications are made with, from the packed package: Vite, webpack, Next, …; ONLY=cdn,jest-30: some of them
	@cd js && CHROME=$(CHROMIUM) node fixtures/run.mjs $(subst $(comma), ,$(ONLY))

size: web $(BUILD)/worker/worker.mjs ## what is downloaded, against its budget, and the hashes by which a page pins it
	@node .ci/size.mjs shim js/dist/masq.global.js $(SHIM_BUDGET) pinned js/dist/masq.pinned.js $(SHIM_BUDGET) local js/dist/local.js 6 \
		pairing js/dist/pairing.js 2 qr js/dist/qr.js 6 worker js/dist/worker.js 8 wasm js/dist/masq.wasm $(WASM_BUDGET)
	@$(WORKER_SIZE)

bench: build chrome ## measure Masq beside other systems: QUICK=1 in 4 minutes, else all of it, which writes js/bench/README.md
	@cd js && CHROME=$(CHROMIUM) QUICK=$(QUICK) node bench/bench.mjs

bench-check: build chrome ## fail if Masq has become slower than js/bench/README.md says, compared with the others
	@cd js && CHROME=$(CHROMIUM) node bench/check.mjs

bench-core: need chrome js/node_modules/.package-lock.json $(BUILD)/bin/wasmbrowsertest ## measure the engine alone, natively and in the browser
	@cd js && CHROME=$(CHROMIUM) node bench/core.mjs

growth: need js/node_modules/.package-lock.json ## measure what grows with starts, devices, overwrites and applications: a table, and none grows faster than its package says
	@cd js && node bench/growth.mjs

generate: ## write js/src/codec.gen.ts, the codec's table in TypeScript
	@go run ./wasm/client/codec/gen

fmt: js/node_modules/.package-lock.json ## format all code
	@gofmt -w core wasm web
	@cd js && $(PRETTIER) --write

clean: ## remove what was built
	@rm -rf $(BUILD) js/dist js/node_modules js/LICENSE
	@find web/dist -mindepth 1 ! -name .gitignore -delete

$(BUILD)/bin/wasmbrowsertest: go.mod
	@go build -o $@ github.com/agnivade/wasmbrowsertest

$(BUILD)/bin/staticcheck: go.mod
	@go build -o $@ honnef.co/go/tools/cmd/staticcheck

$(BUILD)/bin/nats-server: go.mod
	@go build -o $@ github.com/nats-io/nats-server/v2

# Tools that Masq is not built with, and does not depend on.
$(BUILD)/bin/cyclonedx-gomod:
	@GOBIN=$(BUILD)/bin go install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

$(BUILD)/bin/minisign:
	@GOBIN=$(BUILD)/bin go install aead.dev/minisign/cmd/minisign@v0.3.0

$(BUILD)/bin/govulncheck:
	@GOBIN=$(BUILD)/bin go install golang.org/x/vuln/cmd/govulncheck@v1.9.0
