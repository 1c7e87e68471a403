#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/run: plain timeout=580
# The parsers of requests, compiled for user space, with bytes that nobody would send: recorded
# conversations, changed at random. The same random numbers each time; with --long more of them.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
clang -std=gnu17 -D_GNU_SOURCE -O1 -g -I. -Wall -Wextra -Werror -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=undefined -o "$folder/fuzz" tests/fuzz/protocols.c collector/memory.c -lcmocka
mkdir "$folder/corpus"
tests/fuzz/make-corpus "$folder/corpus"
runs=20000
[ -z "${TALLYMAN_TEST_LONG:-}" ] || runs=300000
if ! "$folder/fuzz" -runs=$runs -seed=1 -max_len=512 -artifact_prefix="$folder/" "$folder/corpus" > "$folder/log" 2>&1; then
	tail -n 40 "$folder/log"
	exit 1
fi
grep -q "^Done $runs runs" "$folder/log"
tail -n 1 "$folder/log"
