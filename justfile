# Forebay's recipes. `just` alone lists them.
# Everything is installed into .venv; nothing outside this folder is touched and no root is needed.

set shell := ["bash", "-euo", "pipefail", "-c"]

export PATH := justfile_directory() / ".venv/bin" + ":" + justfile_directory() / ".tools/bin" + ":" + env("PATH")
export UV_PYTHON_DOWNLOADS := "never"
export PYTHONDONTWRITEBYTECODE := ""

biome := "node_modules/@biomejs/biome/bin/biome"
biome_paths := ". ../../tests/web/dashboard ../../tests/browser"

# list the recipes
_default:
    @just --list --unsorted

# make .venv with the locked packages, and the page (does nothing when both are up to date)
[group('set-up')]
setup:
    @command -v uv >/dev/null || python3 -m pip install -q --target .tools uv
    @test -x .venv/bin/python || uv venv -q --python '>=3.11' .venv
    @cat requirements-dev.lock pyproject.toml | cmp -s - .venv/installed.lock || { uv pip sync -q --require-hashes requirements-dev.lock && uv pip install -q --no-deps --no-build-isolation -e . && cat requirements-dev.lock pyproject.toml > .venv/installed.lock; }
    @python web/dashboard/build.py

# resolve the dependencies anew and pin them with hashes
[group('set-up')]
lock:
    uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate pyproject.toml -o requirements.lock
    uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate pyproject.toml --group dev -o requirements-dev.lock

# run Forebay with the embedded store and the page at http://127.0.0.1:8420
[group('use'), no-exit-message]
run *args: setup
    forebay run {{args}}

# one look at a running Forebay
[group('use'), no-exit-message]
status *args: setup
    forebay status {{args}}

# a live view of a running Forebay
[group('use'), no-exit-message]
top *args: setup
    forebay top {{args}}

# dead letters: just dlq ls | show ID | redrive | discard | export
[group('use'), no-exit-message]
dlq *args: setup
    forebay dlq {{args}}

# feature flags: just flags ls | show NAME | set NAME VALUE | reset NAME
[group('use'), no-exit-message]
flags *args: setup
    forebay flags {{args}}

# the store's tables: just db migrate | status
[group('use'), no-exit-message]
db *args: setup
    forebay db {{args}}

# a local Supabase: PostgreSQL and PostgREST, migrated; prints URL and keys
[group('use'), no-exit-message]
supabase *args: setup
    python -m tests.supabase {{args}}

# prove that nothing is lost and nothing is twice
[group('use'), no-exit-message]
audit *args: setup
    forebay audit {{args}}

# send realistic metrics to a running Forebay
[group('use'), no-exit-message]
demo *args: setup
    forebay demo {{args}}

# the journal tool: just journal ls | verify | dump
[group('use'), no-exit-message]
journal *args: setup
    forebay journal {{args}}

# all checks and all tests (under ten minutes)
[group('develop')]
test *args: check
    pytest -n 3 --dist loadscope {{args}}

# the quick tests (under a minute)
[group('develop')]
quick *args: setup
    pytest -m 'not slow' -n 2 --dist worksteal -q {{args}}

# kill the process 500 times under load, and show that nothing is lost or doubled
[group('develop')]
crash kills='500': setup
    FOREBAY_CRASH_LOOPS={{kills}} pytest tests/process/test_crash_loop.py -s

# the page with hot reload before a running Forebay, at http://127.0.0.1:5173 (FOREBAY_URL: where Forebay is)
[group('develop')]
page *args: setup
    cd web/dashboard && node node_modules/vite/bin/vite.js --host 127.0.0.1 {{args}}

# pictures of every view of the page, light and dark, wide and narrow, into .cache/shots
[group('develop')]
shots *args: setup
    python -m tests.browser.screenshots {{args}}

# lint, format, types, layers, of the program and the page
[group('develop')]
check: setup
    ruff check
    ruff format --check
    pyright
    lint-imports --no-cache
    node web/dashboard/node_modules/typescript/bin/tsc -p web/dashboard/jsconfig.json
    cd web/dashboard && node {{biome}} check {{biome_paths}}

# format and mend what can be mended
[group('develop')]
fix: setup
    ruff check --fix
    ruff format
    cd web/dashboard && node {{biome}} check --write {{biome_paths}}

# measure: `just bench` runs all, `just bench ingest` one (kernel journal store postgres supabase ingest latency recovery drain outage memory live fanout page tool replay audit)
[group('develop')]
bench *names: setup
    for name in {{ if names == "" { "kernel journal store postgres supabase ingest latency recovery drain outage memory live fanout page tool replay audit" } else { names } }}; do echo "== $name"; python -m tests.bench.bench_$name; done

# build the wheel and the source distribution into dist/
[group('develop')]
build: setup
    python -m build --no-isolation
