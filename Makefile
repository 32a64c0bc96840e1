# The targets people try by habit; CMake does the work (CMakePresets.json has the presets).
SHELL := /bin/bash
.DEFAULT_GOAL := build
JOBS ?= $(shell nproc)
C_SOURCES = $(shell git ls-files '*.c' '*.h' '*.cu' '*.cuh')

DEMO = build/demo

.PHONY: build demo gallery test test-asan check-crash fidelity bench format lint clean help

build: ## the program at build/ingot, and the kernels where CUDA is found
	@bash .ci/packages.sh build
	@cmake --preset release -DINGOT_TESTS=OFF -DINGOT_CUDA=ON
	@cmake --build build -j $(JOBS)

demo: ## 5,250 designs around an H200 swept, the model scored, an HTML report at build/demo/report.html
	@bash .ci/packages.sh demo
	@cmake --preset release -DINGOT_TESTS=OFF -DINGOT_CUDA=OFF >/dev/null # never the kernels
	@cmake --build build -j $(JOBS) --target ingot
	@bash .ci/demo.sh build/ingot $(DEMO)

gallery: ## a report of every kind, at build/gallery/index.html
	@bash .ci/packages.sh demo
	@cmake --preset release -DINGOT_TESTS=OFF -DINGOT_CUDA=OFF >/dev/null
	@cmake --build build -j $(JOBS) --target ingot
	@bash .ci/gallery.sh build/ingot build/gallery

test: ## every test: optimised build, then under AddressSanitizer and UndefinedBehaviorSanitizer
	@bash .ci/packages.sh test
	@cmake --preset release -DINGOT_TESTS=ON -DINGOT_CUDA=ON -DINGOT_VALGRIND=ON
	@cmake --build build -j $(JOBS)
	@ctest --test-dir build --output-on-failure -j $(JOBS)
	@$(MAKE) --no-print-directory test-asan

test-asan:
	@cmake --preset asan
	@cmake --build build-asan -j $(JOBS)
	@ctest --test-dir build-asan --output-on-failure -j $(JOBS)

check-crash: ## sweeps killed at 50 random moments and resumed, row for row against one that was not (two minutes)
	@bash .ci/packages.sh test
	@cmake --preset release -DINGOT_TESTS=ON -DINGOT_CUDA=OFF >/dev/null
	@cmake --build build -j $(JOBS) --target ingot store_diff
	@bash tests/crash_sweep.sh build/ingot build/tests/store_diff 50

bench: ## predictions and sweep points a second, memory of a large sweep, searches against an enumeration
	@bash .ci/packages.sh bench
	@cmake --preset release -DINGOT_CUDA=OFF -DINGOT_BENCH=ON >/dev/null
	@cmake --build build -j $(JOBS) --target ingot bench_cost bench_sweep run_measured
	@bash tests/bench/bench.sh build
	@bash tests/bench/search.sh build

fidelity: build ## how predictions compare with every measurement at hand
	@build/ingot fidelity

format: ## clang-format every source file
	@bash .ci/packages.sh lint
	@clang-format -i $(C_SOURCES)

lint: ## clang-format and clang-tidy, warnings as errors (about a minute on two cores)
	@bash .ci/packages.sh lint
	@clang-format --dry-run --Werror $(C_SOURCES)
	@cmake --preset nocuda -DINGOT_TESTS=OFF >/dev/null
	@echo "clang-tidy ..."
	@git ls-files 'c*/*.c' 'hwmodels/*.c' 'workloads/*.c' 'sim/**.c' 'validate/*.c' 'reports/*.c' 'kernels/ref/*.c' \
	  | xargs -P $(JOBS) -n 4 clang-tidy --quiet -p build-nocuda 2>&1 | { grep -v 'warnings\? generated' || true; }; \
	  exit $${PIPESTATUS[1]}

clean: ## remove what was built
	@rm -rf build build-debug build-asan build-nocuda

help: ## this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "make %-12s %s\n", $$1, $$2}'
