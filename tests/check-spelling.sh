#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Spelling of code and documents. Words that are right stand in tests/spelling-allow.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files -z | grep -zvE '^tests/(fixtures|golden|fuzz)/|package-lock\.json$|\.(png|svg|ico|der|bin)$' |
	xargs -0 -r codespell --ignore-words=tests/spelling-allow.txt
