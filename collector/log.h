/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines on standard error, logfmt or JSON. Only main.c, collect.c and http.c log; all else returns
 * errors. The level and the format are the only mutable file-scope state of the project.
 */
#pragma once

#include "collector/options/options.h"

void log_configure(enum log_level level, enum log_format format);
/*
 * One line: a fixed message and pairs of key and printf-formatted value, ended by NULL:
 *   log_write(LOG_LEVEL_WARN, "source is down, continuing", "source", name, "reason", text, NULL);
 * All values are strings; they are quoted and escaped as the format demands.
 */
void log_write(enum log_level level, const char *message, ...) __attribute__((sentinel));
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__, (char *)NULL)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__, (char *)NULL)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__, (char *)NULL)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__, (char *)NULL)
