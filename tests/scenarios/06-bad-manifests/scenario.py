"""Bad manifests: an error that names file, line and field, a suggestion where one is near, nothing half-applied."""

import os

from harness import check
from harness.manifests import recorder

GOOD = "apiVersion: perigee.dev/v1\nkind: Config\nmetadata: {name: good}\nspec: {data: {a: b}}\n---\n"


def workload(task, name="bad"):
    return (f"apiVersion: perigee.dev/v1\nkind: Workload\nmetadata:\n  name: {name}\nspec:\n  template:\n    tasks:\n"
            f"    - name: main\n      command: [/bin/true]\n{task}")


BOMB = ("apiVersion: perigee.dev/v1\nkind: Config\nmetadata: {name: bad}\nspec:\n  data:\n    a: &a lol\n"
        "    b: &b [*a, *a, *a, *a]\n    c: [*b, *b, *b, *b]\n")

# name: (manifest, line of the mistake after GOOD's five lines, words that the message must have)
CASES = {
    "unknown field": (workload("      comand: [/bin/false]\n"), 15, ["comand", "command"]),
    "wrong type": (workload("      ports: [{name: http, port: eighty}]\n"), 15, ["port", "eighty"]),
    "duplicate key": (workload("      name: again\n"), 15, ["name", "twice"]),
    "alias bomb": (BOMB, 11, ["a"]),
    "path as a name": (workload("", name="../etc"), 9, ["metadata.name", "../etc"]),
    "endless cpu": (workload("      resources: {cpu: 1e999}\n"), 15, ["cpu", "1e999"]),
}


def run(world):
    centre = world.centre()
    folder = world.directory("manifests", mode=0o755)
    for name, (text, line, words) in CASES.items():
        path = os.path.join(folder, name.replace(" ", "-") + ".yaml")
        with open(path, "w") as f:
            f.write(GOOD + text)
        refused(centre, name, path, words, line)
    too_large(centre, folder)
    not_text(centre, folder)
    check(centre.get("configs") == [] and centre.get("workloads") == [], "nothing was half-applied")
    centre.apply(GOOD + recorder("fine"))
    check([c["metadata"]["name"] for c in centre.get("configs")] == ["good"], "and what is right is taken")


def refused(centre, name, path, words, line=None):
    done = centre.ctl("apply", "-f", path, ok=False)
    message = done.stderr
    where = f"{path}:{line}:" if line else path
    check(where in message, f"{name}: names file and line {where!r}:\n{message}")
    for word in words:
        check(word in message, f"{name}: says {word!r}:\n{message}")


def too_large(centre, folder):
    path = os.path.join(folder, "large.yaml")
    with open(path, "w") as f:
        f.write(GOOD + "apiVersion: perigee.dev/v1\nkind: Config\nmetadata: {name: bad}\nspec:\n  data:\n    a: |\n")
        f.write(("      " + "x" * 94 + "\n") * 100_000)
    refused(centre, "10 MB", path, ["1 MiB"])


def not_text(centre, folder):
    path = os.path.join(folder, "bytes.yaml")
    with open(path, "wb") as f:
        f.write(GOOD.encode() + b"apiVersion: perigee.dev/v1\nkind: Config\nmetadata: {name: \xff\xfe}\n")
    refused(centre, "invalid UTF-8", path, ["UTF-8"], 8)
