#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# House rules that no other tool checks: licence lines, sizes, nesting, marks, stray bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
status=0
complain() {
	echo "$*"
	status=1
}

while IFS= read -r -d '' file; do
	[ -f "$file" ] || continue
	case $file in
	tests/fixtures/* | tests/golden/* | tests/fuzz/corpus/* | *.json | *.md | *.png | *.svg | *.txt) continue ;;
	esac
	head=$(head -n 5 "$file")
	want=Apache-2.0
	[[ $file != bpf/*.[ch] && $file != *.bpf.c ]] || want='GPL-2.0-only OR BSD-2-Clause'
	case $file in
	*.c | *.h | *.py | *.sh | Makefile | tools/*[!.]* | .ci/run | tests/run | bench/run)
		[[ $file == *packages.* || $head == *"SPDX-License-Identifier: $want"* ]] ||
			complain "$file:1: no SPDX-License-Identifier: $want"
		;;
	esac
	case $file in
	*.[ch])
		lines=$(wc -l < "$file")
		[[ $file != *.c || $lines -le 500 ]] || complain "$file: $lines lines; 500 are enough, split by noun"
		[[ $file != *.h || $file == tests/* || $file == bpf/kernel.h || $lines -le 150 ]] || [[ $file == bpf/protocols/*.h && $lines -le 500 ]] || complain "$file: $lines lines; a header has at most about 80"
		[[ $file != *.h || $head$(head -n 40 "$file") == *'#pragma once'* ]] || complain "$file: no #pragma once"
		# A block that opens behind five tabs is nested deeper than four.
		while IFS= read -r hit; do
			complain "$file:${hit%%:*}: nested deeper than 4"
		done < <(grep -nP '^\t{5,}(\} )?(if|else|for|while|do|switch|for_each_\w+|HASH_ITER)\b.*\{$' "$file")
		;;
	esac
	while IFS= read -r hit; do
		complain "$file:$hit"
	done < <(grep -nE '\b(TODO|FIXME|XXX)\b' "$file" | grep -v 'TODO|FIXME' | grep -vE '[X]{3}[X]')
	[ -z "$(tail -c 1 "$file")" ] || complain "$file: no newline at its end"
done < <(git ls-files -z)
exit "$status"
