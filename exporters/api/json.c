/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/api/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "collector/cleanup.h"
#include "collector/memory.h"

enum { REAL_DIGITS = 15 }; /* what a double holds for certain: 0.1 is written 0.1 */

static const uint64_t exact_limit = UINT64_C(1) << 53;

double quantity_real(struct quantity quantity, double missing)
{
	switch (quantity.kind) {
	case QUANTITY_INTEGER:
		return (double)quantity.integer;
	case QUANTITY_REAL:
		return quantity.real;
	case QUANTITY_NONE:
		break;
	}
	return missing;
}

json_t *json_count(uint64_t value)
{
	if (value < exact_limit)
		return json_integer((json_int_t)value);
	return json_sprintf("%" PRIu64, value);
}

json_t *json_number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_quantity(struct quantity quantity)
{
	switch (quantity.kind) {
	case QUANTITY_INTEGER:
		return json_count(quantity.integer);
	case QUANTITY_REAL:
		return json_number(quantity.real);
	case QUANTITY_NONE:
		break;
	}
	return json_null();
}

json_t *json_text(const char *text)
{
	json_t *json = text && *text ? json_string(text) : NULL;

	return json ? json : json_null();
}

json_t *json_id(uint64_t id)
{
	return json_sprintf("%" PRIu64, id);
}

json_t *json_time(int64_t time_ms)
{
	time_t seconds = (time_t)(time_ms / 1000);
	char text[sizeof("9999-12-31T23:59:59")];
	struct tm tm;

	if (time_ms <= 0 || !gmtime_r(&seconds, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		return json_null();
	return json_sprintf("%s.%03dZ", text, (int)(time_ms % 1000));
}

static void flatten_into(json_t *flat, const char *prefix, json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		cleanup_free char *name = prefix ? xasprintf("%s_%s", prefix, key) : xstrdup(key);

		if (json_is_object(value))		 /* documents nest two deep */
			flatten_into(flat, name, value); // NOLINT(misc-no-recursion)
		else
			json_object_set(flat, name, value);
	}
}

json_t *json_flatten(json_t *object)
{
	json_t *flat = json_object();

	flatten_into(flat, NULL, object);
	json_decref(object);
	return flat;
}

static int append_to_buffer(const char *data, size_t size, void *buffer)
{
	buffer_append(buffer, data, size);
	return 0;
}

void json_append(struct buffer *out, json_t *json)
{
	json_dump_callback(json, append_to_buffer, out,
			   JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_DIGITS));
	json_decref(json);
}
