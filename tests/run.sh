#!/usr/bin/env bash
# The gate: installs what the tests need, builds, runs all tests.
# Usage: tests/run.sh [--full] [--only REGEX]
#   --full   longer property and crash tests within two hours; prints how much of each count was completed
#   --only   the tests whose name matches
set -euo pipefail
cd "$(dirname "$0")/.."

full=false
only=()
while [ $# -gt 0 ]; do
  case "$1" in
    --full) full=true ;;
    --only) only=(-R "$2"); shift ;;
    *) echo "run.sh: unknown option '$1'. Usage: tests/run.sh [--full] [--only REGEX]" >&2; exit 2 ;;
  esac
  shift
done
began=$SECONDS
step() { printf '==> [%3d s] %s\n' $((SECONDS - began)) "$*"; }
results=build/results
mkdir -p build
rm -rf "$results"
mkdir "$results"

step "Packages of the distribution"
deploy/packages.sh build tests
step "Format"
git ls-files '*.h' '*.cc' | xargs -r clang-format-19 --dry-run -Werror
step "Building"
deploy/build.sh dev
step "Building (ASan and UBSan, clang's lock checks; modules without gRPC)"
deploy/build.sh asan-ubsan
step "Building the previous landing's programs"
tests/previous/build.sh build/previous

if $full; then
  export PERIGEE_TEST_SCALE=50
  export PERIGEE_TEST_COUNTS=$PWD/$results/counts.txt
fi
failed=0
run() { # run PRESET LABELS...
  local preset=$1
  shift
  step "Tests: $preset $*"
  ctest --test-dir "build/$preset" --output-on-failure --output-junit "$PWD/$results/$preset-${2//[^a-z]/}.xml" \
    -j "$(nproc)" --timeout "$($full && echo 3600 || echo 300)" "$@" "${only[@]}" --no-tests=ignore 2>&1 |
    grep -vE '^ *(Start +[0-9]+:|[0-9]+/[0-9]+ Test.* Passed )' || true
}
run asan-ubsan -L unit
run dev -L unit
run dev -L scenario
if $full && [ -s "$PERIGEE_TEST_COUNTS" ]; then
  step "Counts of --full"
  sort "$PERIGEE_TEST_COUNTS"
fi
step "Done"
exec python3 tests/summary.py tests/skips.txt "$results"/*.xml
