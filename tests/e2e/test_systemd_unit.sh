#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The unit is as hardened as it was made, and systemd understands it.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v systemd-analyze >/dev/null; then
	echo "systemd-analyze is not installed"
	exit 77
fi
units=$(mktemp -d)
trap 'rm -rf "$units"' EXIT
cp deploy/systemd/tallyman.* "$units"
# The binary is not installed here; the one under test stands for it.
sed -i "s|^ExecStart=/usr/bin/tallyman|ExecStart=$(realpath "${TALLYMAN:-build/tallyman}")|" \
	"$units/tallyman.service"
complaints=$(systemd-analyze verify --man=no "$units"/tallyman.{service,socket} 2>&1 | grep tallyman || true)
if [[ -n $complaints ]]; then
	echo "$complaints"
	exit 1
fi
systemd-analyze security --offline=true --threshold=25 "$units/tallyman.service" | tail -1
