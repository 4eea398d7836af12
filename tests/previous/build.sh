#!/usr/bin/env bash
# Builds the satellite's programs of the previous landing into DIRECTORY/bin, for tests of version skew.
# The file tests/previous/landing names its commit. Where a clone lacks that commit (a shallow clone),
# the same sources are built without optimization: other binaries, and the build says so.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p "$1"
target=$(realpath "$1")
commit=$(cat tests/previous/landing)
flags=-O1
if ! git cat-file -e "$commit^{commit}" 2>/dev/null; then
  echo "    commit $commit is not in this clone: today's sources, built differently, stand in for it"
  commit=$(git rev-parse HEAD)
  flags=-O0
fi
source=$target/$commit
[ -d "$source" ] || { mkdir "$source" && git archive "$commit" | tar -x -C "$source"; }
# As deep below its source as an ordinary build: the compiler cache then knows what did not change.
build=$source/build/dev
mkdir -p "$build"
cmake -S "$source" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Dev -DCMAKE_CXX_FLAGS_DEV="$flags -g1" -DPERIGEE_TESTS=OFF \
  >"$target/configure.log" 2>&1 || { cat "$target/configure.log" >&2; exit 1; }
cmake --build "$build" --target perigee-satellite perigee-launcher perigee-shim >"$target/build.log" 2>&1 ||
  { tail -30 "$target/build.log" >&2; exit 1; }
ln -sfn "$build/bin" "$target/bin"
