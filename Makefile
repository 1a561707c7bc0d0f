# Two commands do everything: `make run` and `make test`. The others are their parts.

DATA      ?= data/demo
LISTEN    ?= 127.0.0.1:8080
SOAK_SEED ?=
# One profile for tests: dependencies optimised, our own code quick to compile (Cargo.toml says how).
CARGO     ?= cargo

.PHONY: run replay build web test check check-formats check-web audit bench soak fmt tools test-tools openapi types clean

## run: builds everything and serves the demo on http://127.0.0.1:8080
run: build
	./target/release/trucban serve --demo --data $(DATA) --listen $(LISTEN)

## replay: the night of 7-8 June 2025 played again, in a folder of its own; Enter plays the next step
replay: build
	rm -rf data/replay
	./target/release/trucban serve --demo --replay --data data/replay --listen $(LISTEN)

## build: the program with its pages, target/release/trucban
build: tools web
	$(CARGO) build --release --locked

## web: the pages, web/dist
web: tools web/dist/index.html

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	cd web && $(NPM) ci --no-audit --no-fund
	touch $@

web/dist/index.html: web/node_modules/.package-lock.json $(shell find web/src web/public web/index.html web/vite.config.ts -type f 2>/dev/null)
	cd web && $(NPM) run build
	touch $@

# npm 10 does not install Vite 8; a newer npm is asked for by name when the installed one is older.
NPM = $(shell if [ "$$(npm --version 2>/dev/null | cut -d. -f1)" -ge 11 ] 2>/dev/null; then echo npm; else echo 'npx --yes npm@11'; fi)

## tools: says which of Rust, node and npm is missing or too old
tools:
	@tests/tools.sh build

## test-tools: the programs that the tests talk to (browser, GDAL, …): installed when root, else named
test-tools:
	@tests/tools.sh test

## test: all checks and all tests
test: tools test-tools check-formats check-web
	$(LINTING) $(CARGO) test --locked --all-targets --no-run
	$(LINTING) $(CARGO) test --locked
	$(LINTING) TRUCBAN_TEST_STORE=postgis $(CARGO) test --locked --test it -- desk_races http_writes
	node --test --test-concurrency=1 --test-timeout=900000 --test-reporter=spec tests/browser/

# The compiler of the tests is the one with the lints: `cargo clippy` beside them compiles every dependency a second time.
LINTING = RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-Dwarnings

## check: format, lints and types, warnings as errors
check: check-formats check-web
	$(CARGO) clippy --locked --all-targets -- -D warnings

check-formats:
	$(CARGO) fmt --check

check-web: web
	cd web && $(NPM) run check && $(NPM) run lint && $(NPM) test

## audit: licences, sources and banned crates of the dependencies; advisories where their database can be reached
audit:
	@cargo deny --version >/dev/null 2>&1 || { echo 'cargo-deny is not installed: cargo install --locked cargo-deny'; exit 1; }
	cargo deny --locked check licenses bans sources
	@if cargo deny --locked fetch db; then cargo deny --locked check --disable-fetch advisories; \
	else echo 'ADVISORIES: NOT checked, their database cannot be reached (see above)'; fi

## bench: measures beside the peer or ceiling it compares with, as ratios
bench: build
	$(CARGO) bench --locked --bench bench

## soak: the long versions of the fault and load rigs
soak: tools test-tools web
	TRUCBAN_SOAK=1 TRUCBAN_SEED=$(SOAK_SEED) $(CARGO) test --locked --test it -- --nocapture soak

## fmt: formats Rust and web sources
fmt: tools
	$(CARGO) fmt
	cd web && $(NPM) run format

## openapi: writes docs/openapi.json and docs/PERMISSIONS.md anew, and the pages' types
openapi:
	UPDATE=1 $(CARGO) test --locked --test it -- openapi permission_table
	$(MAKE) types

## types: writes the pages' types of the API from docs/openapi.json
types: web/node_modules/.package-lock.json
	cd web && $(NPM) run types

clean:
	rm -rf target web/dist web/node_modules
