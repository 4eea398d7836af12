"""Manifests of the programs that the stories run."""

import json

PROBE = ""  # path of the tests' own program; set by the runner


def recorder(name, replicas=1, on_disconnect="keep", env="", files="", rollout="", marker="one"):
    """A program that appends one line per start to ${site.values.records}/NAME and then waits."""
    return f"""
apiVersion: perigee.dev/v1
kind: Workload
metadata: {{name: {name}}}
spec:
  placement: {{replicasPerSite: {replicas}, onDisconnect: {on_disconnect}}}
  template:
    tasks:
    - name: main
      command: [{PROBE}, record, "${{site.values.records}}/{name}"]
      env:
      - {{name: SCENARIO_SITE, value: "${{site.values.scenario}}"}}
      - {{name: MARKER, value: "{marker}"}}
{env}{files}{rollout}"""


def workload(name, arguments, sites="", port=0, health="", stop="", env="", files=""):
    """One replica per site of the tests' own program with `arguments`; the rest is YAML in one line each."""
    task = [f"command: [{', '.join([PROBE, *(json.dumps(a) for a in arguments)])}]",
            'env: [{name: SCENARIO_SITE, value: "${site.values.scenario}"}' + (f", {env}]" if env else "]"),
            f"files: [{files}]" if files else "", f"ports: [{{name: main, port: {port}}}]" if port else "",
            f"health: {health}" if health else "", f"stop: {stop}" if stop else ""]
    lines = "".join(f"      {line}\n" for line in task if line)
    return f"""
apiVersion: perigee.dev/v1
kind: Workload
metadata: {{name: {name}}}
spec:
  placement: {{replicasPerSite: 1{f", sites: {sites}" if sites else ""}}}
  template:
    tasks:
    - name: main
{lines}"""


def late(name, replicas=1, ready_after="", marker="one", deadline="60s"):
    """A program that is ready only `ready_after` milliseconds after its start (empty: never) and records start,
    readiness and stop in ${site.values.records}}/NAME; its readiness probe asks for the line that says ready."""
    return f"""
apiVersion: perigee.dev/v1
kind: Workload
metadata: {{name: {name}}}
spec:
  placement: {{replicasPerSite: {replicas}}}
  rollout: {{deadline: {deadline}, soak: 1s}}
  template:
    tasks:
    - name: main
      command: [{PROBE}, live{f', "{ready_after}"' if ready_after else ""}]
      env:
      - {{name: SCENARIO_SITE, value: "${{site.values.scenario}}"}}
      - {{name: RECORD, value: "${{site.values.records}}/{name}"}}
      - {{name: MARKER, value: "{marker}"}}
      health: {{readiness: {{exec: {{command: [{PROBE}, seen-ready]}}, period: 200ms}}}}
"""


NGINX_CONF = """
    daemon off;
    worker_processes 1;
    error_log stderr;
    pid nginx.pid;
    events { worker_connections 64; }
    http {
      access_log off;
      client_body_temp_path body;
      proxy_temp_path proxy;
      fastcgi_temp_path fastcgi;
      uwsgi_temp_path uwsgi;
      scgi_temp_path scgi;
      server {
        listen 0.0.0.0:8080;
        location / { default_type text/plain; return 200 "hello from ${site.name}, $request_method\\n"; }
        location = /healthz { return 204; }
      }
    }
"""


def nginx(name="web", config="web", replicas=1):
    """nginx from the distribution, configured by a Config whose text differs per site."""
    text = "".join(f"    {line}\n" for line in NGINX_CONF.splitlines())
    return f"""
apiVersion: perigee.dev/v1
kind: Config
metadata: {{name: {config}}}
spec:
  data:
    nginx.conf: |
{text}
---
apiVersion: perigee.dev/v1
kind: Workload
metadata: {{name: {name}}}
spec:
  placement: {{replicasPerSite: {replicas}}}
  template:
    tasks:
    - name: main
      command: [/usr/sbin/nginx, -p, ., -e, stderr, -c, /etc/app/nginx.conf]
      env: [{{name: SCENARIO_SITE, value: "${{site.values.scenario}}"}}]
      files: [{{path: /etc/app/nginx.conf, fromConfig: {{name: {config}, key: nginx.conf}}}}]
      ports: [{{name: http, port: 8080}}]
      health: {{readiness: {{http: {{port: http, path: /healthz}}, period: 1s}}}}
"""
