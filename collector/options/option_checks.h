/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a text is what an option wants. All return 0, or -EINVAL and *ret_reason: a sentence about
 * the text, freed by the caller. For option_rows.c and option_values.c.
 */
#pragma once

#include <stdint.h>

int option_check_address(const char *text, char **ret_reason);
int option_check_telemetry_path(const char *text, char **ret_reason);
int option_check_directory(const char *text, char **ret_reason);
int option_check_cgroupfs_or_empty(const char *text, char **ret_reason);
int option_check_regex(const char *text, char **ret_reason);
/* A regular expression that at least one kind of workload matches: else it is misspelt. */
int option_check_kind_regex(const char *text, char **ret_reason);
int option_check_metric(const char *text, char **ret_reason);

/* Digits only. */
int option_read_number(const char *text, uint64_t *ret_number, char **ret_reason);
/* "0", or parts from y to ms in this order, as Prometheus' model.ParseDuration() reads them. */
int option_read_milliseconds(const char *text, uint64_t *ret_milliseconds, char **ret_reason);
