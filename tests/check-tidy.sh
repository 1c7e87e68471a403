#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy over every C file; only files that changed since are looked at again.
cd "$(dirname "$0")/.." && exec make --no-print-directory -k -j"$(nproc)" tidy
