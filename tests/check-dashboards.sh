#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Dashboards without a network or a Prometheus: form, rules of dashboard-linter, names of metrics.
set -euo pipefail
cd "$(dirname "$0")/.."
status=0
tools/format-dashboard --check dashboards/*.json || status=1
python3 tests/dashboards/lint.py || status=1
exit "$status"
