#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The binary is what the Makefile's hardening flags promise: position independent, full RELRO, stack
# not executable, stack protector and FORTIFY in use, no path to search libraries in.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=${TALLYMAN:-build/tallyman}
[ -x "$binary" ] || { echo "$binary is not built"; exit 1; }
export LC_ALL=C
status=0
check() { # what is wrong, in which text, without a match of this
	grep -qE "$3" <<< "$2" || { echo "$binary: $1"; status=1; }
}
check_not() {
	! grep -qE "$3" <<< "$2" || { echo "$binary: $1"; status=1; }
}
elf=$(readelf -W -h -l -d "$binary")
symbols=$(readelf -W --dyn-syms "$binary")
check 'not position independent' "$elf" 'Type: +DYN'
check 'no RELRO' "$elf" GNU_RELRO
check 'symbols are bound late' "$elf" 'BIND_NOW|Flags:.*NOW'
check 'executable stack' "$elf" 'GNU_STACK .* RW +0x'
check 'no stack protector' "$symbols" __stack_chk_fail
check 'no FORTIFY' "$symbols" '__(printf|fprintf|snprintf|vsnprintf|memcpy|read)_chk'
check_not 'a segment is writable and executable' "$elf" 'LOAD .* RWE '
check_not 'a library path is built in' "$elf" 'RPATH|RUNPATH'
exit "$status"
