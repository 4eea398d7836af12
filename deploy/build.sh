#!/usr/bin/env bash
# Builds the programs (or the given targets) into build/<preset>. Usage: deploy/build.sh PRESET [TARGET ...]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
shift
log=build/$preset-configure.log
mkdir -p build
if ! cmake --preset "$preset" >"$log" 2>&1; then
  cat "$log" >&2
  echo "build.sh: configuring failed (above)." >&2
  exit 1
fi
NINJA_STATUS="  [%f/%t %es] " cmake --build "build/$preset" --target "${@:-all}" -- -j "$(nproc)" |
  { if [ -t 1 ]; then cat; else awk 'NR % 25 == 1 || /FAILED|error|warning/ || f { print; fflush() } /FAILED/ { f = 1 }'; fi; }
