#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""usage: table.py REPORT.json

Prints what the tests in virtual machines found, as one line per runtime and check and one column per
kernel: pass, FAIL, skip, or - where a check does not apply."""
import json
import sys


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        rows = json.load(file)
    kernels = sorted({row["kernel"] for row in rows},
                     key=lambda k: [int(n) if n.isdigit() else 1000 for n in k.split(".")])
    results = {(row["runtime"], row["check"], row["kernel"]): row for row in rows}
    runtimes = list(dict.fromkeys(row["runtime"] for row in rows))
    print(f"\n{'runtime':<32} {'check':<38}" + "".join(f"{kernel:>6}" for kernel in kernels))
    for runtime in runtimes:
        shown = runtime
        for check in dict.fromkeys(row["check"] for row in rows if row["runtime"] == runtime):
            cells = [results.get((runtime, check, kernel), {}).get("result", "-") for kernel in kernels]
            print(f"{shown:<32} {check:<38}" + "".join(f"{cell:>6}" for cell in cells))
            shown = ""
    for row in rows:
        if row["result"] != "pass":
            detail = row["detail"].strip().splitlines() or [""]
            print(f"{row['result']}  {row['kernel']}  {row['runtime']}: {row['check']}: {detail[-1][:300]}")
    count = {word: sum(row["result"] == word for row in rows) for word in ("pass", "FAIL", "skip")}
    print(f"in virtual machines: {count['pass']} passed, {count['FAIL']} failed, {count['skip']} skipped\n")


if __name__ == "__main__":
    main()
