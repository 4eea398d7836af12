#!/usr/bin/env python3
"""Runs one scenario: run.py FOLDER --binaries DIR [--next DIR] [--previous DIR]"""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import main  # noqa: E402

main()
