# The parts of deploy/demo.sh. Expects the repository as the working directory, and $work.

bin=${PERIGEE_BIN:-$PWD/build/dev/bin}
pids=()        # what we started, in order
declare -A addresses
port=8080

step() { printf '\033[1m==>\033[0m %s\n' "$*"; }
fail() {
  echo "demo: $*" >&2
  if [ -d "${work:-}/log" ]; then
    for log in "$work"/log/*.log "$work"/*/data/logs/*/current; do
      [ -f "$log" ] || continue
      echo "--- the end of $(basename "$log")" >&2
      tail -n 15 "$log" >&2
    done
  fi
  exit 1
}
ctl() { PERIGEE_CONFIG=$work/cloudctl.yaml "$bin/cloudctl" "$@"; }

# The agent needs no privileges: where the demo has some, it gives them up for it.
without_privileges() {
  if [ "$(id -u)" -eq 0 ]; then
    exec setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs "$@"
  fi
  exec "$@"
}
# Where a user without privileges can read it: a clone below /root cannot be entered.
place_agent() {
  agent=$bin/perigee-satellite
  [ "$(id -u)" -eq 0 ] || return 0
  mkdir "$work/bin"
  install -m 755 "$bin/perigee-satellite" "$work/bin/"
  agent=$work/bin/perigee-satellite
}
agent_uid() { if [ "$(id -u)" -eq 0 ]; then echo 65534; else id -u; fi; }

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
  local seconds=$1 what=$2 until
  shift 2
  until=$(($(date +%s%N) + seconds * 1000000000))
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s%N)" -lt "$until" ] || fail "waited $seconds s for $what"
    read -rt 0.1 <> <(:) || true
  done
}

start() { # start NAME COMMAND...: in a session of its own, so that Ctrl-C reaches only this script
  local name=$1
  shift
  setsid "$@" >>"$work/log/$name.log" 2>&1 </dev/null &
  pids+=($!)
}

start_control_plane() {
  start control-plane "$bin/perigee-control-plane" serve --data-dir "$work/centre" --listen 127.0.0.1 \
    --https-port 0 --grpc-port 0 --heartbeat 2s
  wait_for 20 "the control plane (log: $work/log/control-plane.log)" test -s "$work/centre/endpoints.json"
  https=$(sed -n 's/.*"https": *"\([^"]*\)".*/\1/p' "$work/centre/endpoints.json")
  ca_hash=$(sed -n 's/.*"caHash": *"\([^"]*\)".*/\1/p' "$work/centre/endpoints.json")
  ctl login "$https" --ca-hash "$ca_hash" --user admin --password-file "$work/centre/admin-password" >>"$work/log/login.log"
}

start_site() { # start_site NAME ADDRESS
  local name=$1 data=$work/$1/data run=$work/$1/run
  addresses[$name]=$2
  mkdir -p "$data" "$run"
  chmod 711 "$work/$name"
  chown "$(agent_uid)" "$data"
  (
    umask 077
    ctl token create --site "$name" --approval auto -o json | sed -n 's/.*"token": *"\([^"]*\)".*/\1/p' >"$work/$name/token"
  )
  without_privileges_run "$agent" enroll --server "$https" --ca-hash "$ca_hash" --token-file - \
    --data-dir "$data" --name "$name-1" --address "$2" <"$work/$name/token" >>"$work/log/$name.log" 2>&1 ||
    fail "$name could not be enrolled"
  rm "$work/$name/token"
  start "$name-launcher" "$bin/perigee-launcher" --runtime-dir "$run" --agent-uid "$(agent_uid)"
  (without_privileges setsid "$agent" run --data-dir "$data" --runtime-dir "$run" --address "$2") \
    >>"$work/log/$name.log" 2>&1 </dev/null &
  pids+=($!)
  echo $! >"$work/$name/agent.pid"
}
without_privileges_run() { (without_privileges "$@"); }

deploy_sample() {
  while port_taken "$port"; do port=$((port + 1)); done
  sed "s/8080/$port/g" deploy/demo/web.yaml >"$work/web.yaml"
  ctl apply -f "$work/web.yaml" >>"$work/log/apply.log"
}
port_taken() { (exec 3<>"/dev/tcp/127.10.0.1/$1") 2>/dev/null; }

ready_replicas() { ctl get assignments -A -o 'jsonpath={.items[*].status.state}' | tr ' ' '\n' | grep -cx Ready; }
has_ready() { [ "$(ready_replicas)" -eq "$1" ]; }
wait_ready() { wait_for 40 "$1 replicas Ready (see: cloudctl explain workload/web)" has_ready "$1"; }

verify_sites() {
  local site page
  for site in berlin dublin singapore; do
    page=$(curl -sS --noproxy '*' --max-time 5 "http://${addresses[$site]}:$port/") || fail "$site serves no page"
    [[ $page == *"from $site"* ]] || fail "$site serves '$page', which does not name it"
    echo "    ${addresses[$site]}:$port  $page"
  done
}
verify_fleet() {
  local satellites
  satellites=$(ctl get satellites -o 'jsonpath={.items[*].status.freshness.state}')
  [ "$satellites" = "live live live" ] || fail "the fleet is '$satellites', not three live satellites"
  ctl get satellites
  ctl get workloads
}

introduce() { # introduce MILLISECONDS
  local site
  echo
  echo "Perigee runs: one control plane, three sites, all Ready after $1 ms."
  echo
  for site in berlin dublin singapore; do printf '  %-11s http://%s:%s/\n' "$site" "${addresses[$site]}" "$port"; done
  printf '  %-11s %s  (user admin, password in %s)\n\n' control "$https" "$work/centre/admin-password"
  echo "Try, in another terminal:"
  echo "  export DEMO=$work DEMO_PORT=$port PERIGEE_CONFIG=$work/cloudctl.yaml PATH=$bin:\$PATH"
  echo "  cloudctl get satellites"
  echo "  cloudctl explain workload/web"
  echo "  cloudctl events"
  echo
  echo "Ctrl-C ends everything and leaves nothing behind."
}

wait_until_interrupted() {
  wait "${pids[0]}" || true
  fail "the control plane ended by itself (log above)"
}

tear_down() {
  trap '' INT TERM
  step "Taking it down"
  local i site
  for ((i = ${#pids[@]} - 1; i >= 1; i--)); do end "${pids[$i]}"; done
  for site in "${!addresses[@]}"; do
    # A replica outlives agent and launcher: that is the point of Perigee. Here they go too.
    "$bin/perigee-launcher" --runtime-dir "$work/$site/run" --purge >>"$work/log/$site-launcher.log" 2>&1 || true
  done
  [ ${#pids[@]} -eq 0 ] || end "${pids[0]}"
  addresses=() pids=()
  rm -rf "$work"
}
end() {
  kill -TERM "$1" 2>/dev/null || return 0
  local tries=0
  while kill -0 "$1" 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 50 ] || { kill -KILL "$1" 2>/dev/null || true; break; }
    read -rt 0.1 <> <(:) || true
  done
  wait "$1" 2>/dev/null || true
}

verify_nothing_left() {
  [ ! -e "$work" ] || fail "$work is still there"
  local left
  left=$(pgrep -f "$work" || true)
  [ -z "$left" ] || fail "processes are left: $left"
}
