#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# docs/cadvisor-compatibility.md has every family of cAdvisor once, and says of each what METRICS.md
# shows: exported ones are there with cAdvisor's type and labels, the others are not.
set -euo pipefail
cd "$(dirname "$0")/.."

awk -F'|' '
function trim(s) { gsub(/^[ `]+|[ `]+$/, "", s); return s }
function complain(s) { print s; bad = 1 }
# Labels in one order; which comes first means nothing.
function sorted(s,   part, n, i, j, t, out) {
	gsub(/[ `]/, "", s)
	n = split(s, part, ",")
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && part[j] < part[j - 1]; j--) {
			t = part[j]; part[j] = part[j - 1]; part[j - 1] = t
		}
	for (i = 1; i <= n; i++)
		out = out (i > 1 ? "," : "") part[i]
	return out
}
FILENAME == ARGV[1] && !/^#/ {
	split($0, field, " ")
	type[field[1]] = field[2]
	labels[field[1]] = sorted(field[3])
	order[++n_families] = field[1]
}
FILENAME == ARGV[2] && /^\| `[a-z0-9_]+` \|/ {
	name = trim($2)
	our_type[name] = trim($3)
	our_labels[name] = sorted($5)
}
FILENAME == ARGV[3] && /^\| `[a-z0-9_]+` \| (same|differs|not exported) \|/ {
	name = trim($2)
	if (name in status)
		complain("docs/cadvisor-compatibility.md: " name " stands there twice")
	status[name] = trim($3)
	if (status[name] != "same" && trim($4) == "")
		complain("docs/cadvisor-compatibility.md: " name " " status[name] ", but why?")
	if (!(name in type))
		complain("docs/cadvisor-compatibility.md: " name " is no family of cAdvisor")
}
END {
	if (n_families < 100)
		complain("tests/cadvisor-families.txt: only " n_families " families")
	for (i = 1; i <= n_families; i++) {
		name = order[i]
		if (!(name in status))
			complain("docs/cadvisor-compatibility.md: no word about " name)
		else if (status[name] == "not exported" && name in our_type)
			complain("docs/cadvisor-compatibility.md: " name " is exported by now")
		else if (status[name] != "not exported" && !(name in our_type))
			complain("docs/cadvisor-compatibility.md: " name " is not in METRICS.md")
		else if (name in our_type && our_type[name] != type[name])
			complain(name ": a " our_type[name] " in METRICS.md, a " type[name] " in cAdvisor")
		else if (name in our_type && our_labels[name] != labels[name])
			complain(name ": labels " our_labels[name] " in METRICS.md, " labels[name] " in cAdvisor")
	}
	exit bad
}' tests/cadvisor-families.txt METRICS.md docs/cadvisor-compatibility.md
