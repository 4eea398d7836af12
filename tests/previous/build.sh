#!/usr/bin/env bash
# Builds the satellite's programs of the previous landing into DIRECTORY/bin, for tests of version skew.
# The file tests/previous/landing names its commit. Where a clone lacks that commit (a shallow clone),
# the same sources are built without optimization: other binaries, and the build says so.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$1
commit=$(cat tests/previous/landing)
programs="perigee-satellite perigee-launcher perigee-shim"
mkdir -p "$target"
source=$PWD
flags=-O1
if git cat-file -e "$commit^{commit}" 2>/dev/null; then
  source=$target/$commit
  [ -d "$source" ] || { mkdir "$source" && git archive "$commit" | tar -x -C "$source"; }
else
  echo "    commit $commit is not in this clone: today's sources, built differently, stand in for it"
  flags=-O0
fi
cmake -S "$source" -B "$target/build" -G Ninja -DCMAKE_BUILD_TYPE=Dev -DCMAKE_CXX_FLAGS_DEV="$flags -g1" \
  -DPERIGEE_TESTS=OFF >"$target/configure.log" 2>&1 || { cat "$target/configure.log" >&2; exit 1; }
# shellcheck disable=SC2086
cmake --build "$target/build" --target $programs >"$target/build.log" 2>&1 || { tail -30 "$target/build.log" >&2; exit 1; }
ln -sfn "build/bin" "$target/bin"
