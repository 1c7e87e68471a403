/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How values are written in the API: what numbers, times and unknowns look like, everywhere alike.
 * All functions return a new reference, never NULL. For exporters/api and exporters/web.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "collector/buffer.h"

/* The value of a field: nothing, an exact integer, or a real number. */
struct quantity {
	enum { QUANTITY_NONE, QUANTITY_INTEGER, QUANTITY_REAL } kind;
	union {
		uint64_t integer;
		double real;
	};
};

/* As a real number; `missing` when there is none. */
double quantity_real(struct quantity quantity, double missing);

/* null; a number; or, for integers from 2^53 on, a string of decimal digits. */
json_t *json_quantity(struct quantity quantity);
json_t *json_count(uint64_t value);
/* A finite number, else null. */
json_t *json_number(double value);
/* A string; null for "" and NULL, which mean unknown. */
json_t *json_text(const char *text);
/* A cgroup id: always a string of decimal digits. */
json_t *json_id(uint64_t id);
/* RFC 3339 in UTC with milliseconds, from Unix time; null for 0 and for years beyond 9999. */
json_t *json_time(int64_t time_ms);
/* {"a": {"b": 1}} becomes {"a_b": 1}; arrays stay as they are. Steals the reference. */
json_t *json_flatten(json_t *object);
/* Appends the document in its compact form. Steals the reference. */
void json_append(struct buffer *out, json_t *json);
