# `make` builds the host and the example plugins; `make help` lists the rest.

HOST    := .build/release/backplane
PLUGINS := .build/release/libecho.so .build/release/libcounter.so

.DEFAULT_GOAL := build
.PHONY: help deps build serve test check nightly bench bench-counts bench-curves soak chaos fuzz fuzz-requests sanitize \
	format clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

deps: ## Install what the build needs and the system lacks
	@scripts/setup

build: deps ## Release build; puts the example plugins into plugins.d
	swift build -c release --product backplane
	swift build -c release --product backplane-worker
	swift build -c release --product echo
	swift build -c release --product counter
	@for plugin in $(PLUGINS); do scripts/place-plugin "$$plugin" plugins.d || exit 1; done

# exec, so that a signal to make reaches the host and make waits until it has drained.
serve: build ## Build, then serve plugins.d (SERVE_FLAGS="--port 9000" adds flags)
	@exec $(HOST) serve --plugins-dir plugins.d $(SERVE_FLAGS)

test: deps ## Run the tests (TEST_FLAGS="--filter Batcher" narrows them)
	swift build --build-tests
	scripts/run-tests $(TEST_FLAGS)

check: ## All that CI runs
	@scripts/check

nightly: soak chaos fuzz fuzz-requests ## What takes longer than CI may: over an hour

bench: build ## The performance table, next to nginx (BENCH_FLAGS=--quick for a first look)
	swift build -c release --product handle-benchmark
	@scripts/setup --bench
	@scripts/bench $(BENCH_FLAGS)

bench-counts: build ## What a request costs in operations, by a baseline (COUNTS_FLAGS=--update writes it)
	swift build -c release --product handle-benchmark
	@scripts/setup --counts
	@scripts/bench-counts $(COUNTS_FLAGS)

bench-curves: build ## The curves of docs/performance.md, as SVG (CURVES_FLAGS="--quick --curve bodies")
	@scripts/setup --bench
	@scripts/bench-curves --host $(HOST) $(CURVES_FLAGS)

soak: deps ## The long tests: 200,000 calls across 40 reloads
	swift build --build-tests
	BACKPLANE_SOAK=1 scripts/run-tests --filter "Soak|Backpressure"

# An hour of it, under AddressSanitizer; CHAOS_SECONDS and CHAOS_SEED choose another time and what is drawn.
CHAOS_SECONDS ?= 3600
chaos: deps ## A host under everything at once, for an hour (CHAOS_SECONDS=60, CHAOS_SEED=1)
	BACKPLANE_CHAOS_SECONDS=$(CHAOS_SECONDS) BACKPLANE_CHAOS_SEED=$(CHAOS_SEED) \
		scripts/sanitize address -- --filter ChaosTests

fuzz: deps ## The admin API against its document, by schemathesis (FUZZ_FLAGS="--seed 7 --cases 200")
	swift build
	@scripts/fuzz-admin $(FUZZ_FLAGS)

# What nightly runs; REQUEST_FUZZ_FLAGS="--cases 1000000 --seed 7" chooses another length and what is drawn.
REQUEST_FUZZ_FLAGS ?= --seconds 600 --h11
fuzz-requests: deps ## The reader of requests against NIO's decoder and h11, on cases that are drawn
	@scripts/fuzz-requests $(REQUEST_FUZZ_FLAGS)

sanitize: deps ## What has threads, under ThreadSanitizer, then AddressSanitizer
	@scripts/sanitize

format: ## Format the Swift sources in place
	swift format --in-place --recursive --parallel Sources Tests Examples Package.swift

clean: ## Remove what the targets above made; fetched dependencies stay
	swift package clean
	rm -rf .build/tsan .build/asan .build/plain bench-results.json
	rm -f $(addprefix plugins.d/,$(notdir $(PLUGINS)))
