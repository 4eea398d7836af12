#!/usr/bin/env python3
"""Reads ctest's JUnit files, judges skips, prints the closing line. Usage: summary.py SKIPS FILE..."""

import re
import sys
import xml.etree.ElementTree


def allowed_skips(path):
    with open(path) as f:
        lines = [line.rstrip("\n") for line in f if line.strip() and not line.startswith("#")]
    return [tuple(line.split("\t", 1)) for line in lines]


def main():
    allowed = allowed_skips(sys.argv[1])
    passed, failed, skipped, unnamed = 0, [], [], []
    for path in sys.argv[2:]:
        for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
            name, status = case.get("name"), case.get("status")
            if status == "run":
                passed += 1
            elif status in ("notrun", "disabled"):
                reasons = [reason for pattern, reason in allowed if re.fullmatch(pattern, name)]
                (skipped if reasons else unnamed).append((name, reasons[0] if reasons else ""))
            else:
                failed.append(name)
    for name in failed:
        print(f"failed: {name}")
    for name, reason in skipped:
        print(f"skipped: {name}: {reason}")
    for name, _ in unnamed:
        print(f"failed: {name} was skipped, and tests/skips.txt does not name it with a reason")
    failures = len(failed) + len(unnamed)
    print(f"{passed} passed, {failures} failed, {len(skipped)} skipped")
    sys.exit(1 if failures or not passed else 0)


main()
