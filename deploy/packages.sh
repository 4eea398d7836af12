#!/usr/bin/env bash
# Installs the distribution's packages that a purpose needs, and nothing that is there.
# Usage: deploy/packages.sh build|demo|tests ...
set -euo pipefail

build="g++ cmake ninja-build ccache pkg-config ca-certificates
  libgrpc++-dev protobuf-compiler-grpc protobuf-compiler libprotobuf-dev libabsl-dev libsqlite3-dev libssl-dev
  libcpp-httplib-dev nlohmann-json3-dev libyaml-cpp-dev libcli11-dev libspdlog-dev libargon2-dev prometheus-cpp-dev"
demo="nginx curl util-linux procps"
tests="libgtest-dev libgmock-dev clang-19 clang-format-19 libclang-rt-19-dev python3 iproute2 iptables strace nginx curl
  procps util-linux sqlite3"

wanted=()
for purpose in "$@"; do
  case "$purpose" in
    build) wanted+=($build) ;;
    demo) wanted+=($demo) ;;
    tests) wanted+=($tests) ;;
    *) echo "packages.sh: unknown purpose '$purpose'; use build, demo or tests" >&2; exit 2 ;;
  esac
done

missing=()
for package in "${wanted[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "packages.sh: these packages are missing and sudo is not there to install them: ${missing[*]}" >&2
    echo "Run as root: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi

# A package's service must not start on the machine of somebody who tries a demo: apt-get itself
# puts a policy in place for the time of the installation, where the machine has none of its own.
no_services=(
  -o 'DPkg::Pre-Invoke::=[ -e /usr/sbin/policy-rc.d ] || { printf "#!/bin/sh\n# perigee\nexit 101\n" >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; }'
  -o 'DPkg::Post-Invoke::=if grep -qs "^# perigee$" /usr/sbin/policy-rc.d; then rm -f /usr/sbin/policy-rc.d; fi'
)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Installing ${#missing[@]} packages of the distribution ..."
if ! { "${as_root[@]}" apt-get update -q &&
       DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -q --no-install-recommends \
         "${no_services[@]}" "${missing[@]}"; } >"$log" 2>&1; then
  tail -20 "$log" >&2
  echo "packages.sh: apt-get failed (above). It needs the sources of Debian 12 (bookworm) and the network." >&2
  exit 1
fi
