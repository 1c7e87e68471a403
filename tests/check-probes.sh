#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The probes compile for the other architecture too (amd64 and arm64).
cd "$(dirname "$0")/.." || exit 1
if ! compgen -G 'bpf/*.bpf.c' > /dev/null; then
	echo "there are no probes"
	exit 77
fi
exec make --no-print-directory -k bpf-other
