#!/usr/bin/env bash
# One control plane and three sites on this machine, with a real web server at each.
# Usage: deploy/demo.sh [--check]     --check verifies everything, tears down and says how it went.
set -euo pipefail
cd "$(dirname "$0")/.."
. deploy/demo/lib.sh

check=false
case "${1:-}" in
  "") ;;
  --check) check=true ;;
  *) echo "demo.sh: unknown option '$1'. Usage: deploy/demo.sh [--check]" >&2; exit 2 ;;
esac

step "Packages of the distribution"
deploy/packages.sh build demo
step "Building (some minutes the first time)"
deploy/build.sh dev perigee-control-plane perigee-satellite perigee-launcher perigee-shim cloudctl

began=$(date +%s%N)
work=$(mktemp -d "${TMPDIR:-/tmp}/perigee-demo.XXXXXX")
chmod 711 "$work"
place_agent
mkdir "$work/log"
trap tear_down EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step "Control plane"
start_control_plane
step "Three sites, one satellite each"
ctl apply -f deploy/demo/sites.yaml >>"$work/log/apply.log"
start_site berlin 127.10.0.1
start_site dublin 127.10.0.2
start_site singapore 127.10.0.3
step "A web server at each site"
deploy_sample
wait_ready 3
took=$((($(date +%s%N) - began) / 1000000))

if $check; then
  step "Checking"
  verify_sites
  verify_fleet
  tear_down
  trap - EXIT
  verify_nothing_left
  echo "demo: all checks passed (from start to Ready in $took ms)"
  exit 0
fi
introduce "$took"
wait_until_interrupted
