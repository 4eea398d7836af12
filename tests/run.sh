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

run() { # run PRESET LABEL: what ctest found is judged from its file by summary.py
  local preset=$1 label=$2
  step "Tests: $label, $preset"
  ctest --test-dir "build/$preset" -L "$label" --output-on-failure --output-junit "$PWD/$results/$preset-$label.xml" \
    -j "$(nproc)" --timeout "$($full && echo 900 || echo 300)" "${only[@]}" 2>&1 |
    grep -vE '^ *(Start +[0-9]+:|[0-9]+/[0-9]+ Test.* Passed )' || true
}
run asan-ubsan unit
if $full; then  # the build without sanitizers, which tries ten times as much in the same time
  export PERIGEE_TEST_SCALE=100 PERIGEE_TEST_SECONDS=240 PERIGEE_TEST_COUNTS=$PWD/$results/counts.txt
fi
run dev unit
run dev scenario
broken=false
fuzz() { # fuzz PROGRAM: five minutes; what it found stays in build/fuzz for the next time
  local name=${1##*_} found log
  found=build/fuzz/$name log=$results/fuzz-$name.log
  mkdir -p "$found"
  if "$1" -max_total_time=300 -timeout=5 -rss_limit_mb=1024 "$found" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
    echo "fuzz $name: $(grep -oE '^Done [0-9]+ runs' "$log"), no failure" >>"$PERIGEE_TEST_COUNTS"
  else
    echo "fuzz $name: FAILED, see $log" >>"$PERIGEE_TEST_COUNTS"
    tail -50 "$log"
    return 1
  fi
}
if $full; then
  step "Fuzzing: five minutes each"
  export -f fuzz
  export results
  printf '%s\n' build/asan-ubsan/tests/fuzz_* | xargs -P "$(nproc)" -I{} bash -c 'fuzz {}' || broken=true
  step "Counts of --full"
  sort "$PERIGEE_TEST_COUNTS"
fi
step "Done"
python3 tests/summary.py $([ ${#only[@]} -eq 0 ] || echo --some) tests/skips.txt \
  "$results"/{asan-ubsan-unit,dev-unit,dev-scenario}.xml
! $broken
