#!/usr/bin/env python3
"""Reads ctest's JUnit files, judges skips, prints the closing line. Usage: summary.py [--some] SKIPS FILE...

A file that is missing or has no test is a failure, but with --some, where only some tests were asked for."""

import re
import sys
import xml.etree.ElementTree


def allowed_skips(path):
    with open(path) as f:
        lines = [line.rstrip("\n") for line in f if line.strip() and not line.startswith("#")]
    return [tuple(line.split("\t", 1)) for line in lines]


def cases_of(path):
    try:
        return list(xml.etree.ElementTree.parse(path).getroot().iter("testcase"))
    except (OSError, xml.etree.ElementTree.ParseError):
        return []


def main():
    some = sys.argv[1] == "--some"
    skips, *paths = sys.argv[2:] if some else sys.argv[1:]
    allowed = allowed_skips(skips)
    passed, failed, skipped, unnamed = 0, [], [], []
    for path in paths:
        cases = cases_of(path)
        if not cases and not some:
            failed.append(f"{path}: no test ran")
        for case in cases:
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
