#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Looks with shellcheck at every shell script, whatever its name; every script is executable.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts=()
status=0
while IFS= read -r -d '' file; do
	[[ $file != tests/fixtures/* && -f $file ]] || continue
	IFS= read -r first < "$file" || true
	[[ $first == '#!'* ]] || continue
	[ -x "$file" ] || { echo "$file: not executable"; status=1; }
	[[ $first =~ ^'#!'.*sh$ ]] && scripts+=("$file")
done < <(git ls-files -z)
shellcheck "${scripts[@]}" || status=1
exit "$status"
