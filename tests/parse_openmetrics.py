#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reads OpenMetrics from standard input with the reference parser (Debian's
python3-prometheus-client) and prints what it understood. A finding of the parser ends it."""
import io
import sys

from prometheus_client.openmetrics import parser

text = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", newline="").read()
for family in parser.text_string_to_metric_families(text):
    print(f"{family.type} {family.name!r} unit={family.unit!r} help={family.documentation!r}")
    for sample in family.samples:
        print(f"  {sample.name} {sorted(sample.labels.items())!r} {sample.value!r}"
              + (f" {sample.exemplar!r}" if sample.exemplar else ""))
