#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Dependencies point one way: bpf/wire*.h <- collector <- exporters <- collector/main.c.
# Looks at every #include "..." of the tree; paths are from the root of the repository.
set -euo pipefail
cd "$(dirname "$0")/.."

# What exporters may know of the collector: the model, and what a request needs.
model='clock|metric|snapshot|histogram|arena|buffer|memory|cleanup|log|options/options|collect|procfs/process|workloads/events|worker|utf8|text_file|version'

# $1: who includes; $2: what.
allowed() {
	case $1 in
	collector/main.c | collector/main_*.c) return 0 ;;
	bpf/*) [[ $2 == bpf/* && $2 != *.skel.h ]] ;;
	collector/*) [[ $2 == collector/* || $2 == bpf/wire*.h || $2 == bpf/*.skel.h ]] ;;
	exporters/*) [[ $2 == exporters/* || $2 =~ ^collector/($model)\.h$ ]] ;;
	tests/* | bench/*) return 0 ;;
	*) return 1 ;;
	esac
}

status=0
while IFS=: read -r file line include; do
	what=${include#*\"}
	what=${what%%\"*}
	[[ $what != version_build.h ]] || continue # generated
	if [[ $what != */* ]]; then
		echo "$file:$line: \"$what\" is not a path from the root"
		status=1
	elif ! allowed "$file" "$what"; then
		echo "$file:$line: may not include $what"
		status=1
	fi
done < <(git ls-files -z '*.c' '*.h' | xargs -0 -r grep -nHE '^\s*#\s*include\s+"')
exit "$status"
