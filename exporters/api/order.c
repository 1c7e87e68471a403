/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/api/order.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/memory.h"

static const char *const key_names[] = {
	[ORDER_PATH] = "path",
	[ORDER_ID] = "id",
	[ORDER_NAME] = "name",
	[ORDER_KIND] = "kind",
};

/* "memory.usage_bytes" */
static bool is_field(const char *name, const struct field *field)
{
	size_t length = field->group ? strlen(field->group) : 0;

	return length && strncmp(name, field->group, length) == 0 && name[length] == '.' &&
	       streq(name + length + 1, field->name);
}

static bool find_key(const char *name, unsigned documents, struct order *order)
{
	for (enum order_key key = 0; key < ORDER_FIELD; key++) {
		if (streq(name, key_names[key])) {
			order->key = key;
			return true;
		}
	}
	for (enum field_id id = 0; id < N_FIELDS; id++) {
		if ((fields[id].documents & documents) && is_field(name, &fields[id])) {
			order->key = ORDER_FIELD;
			order->field = id;
			return true;
		}
	}
	return false;
}

bool order_read(struct api_call *call, unsigned documents, struct order *order)
{
	const char *name = http_parameter(call->request, "sort");

	*order = (struct order){ .values = &call->values };
	if (!name)
		return true;
	order->descending = *name == '-';
	if (find_key(name + order->descending, documents, order))
		return true;
	http_reply_problem(call->reply, call->request, 400,
			   "parameter 'sort': cannot sort by '%.64s'", name);
	return false;
}

struct place order_place(const struct order *order, const struct workload *workload)
{
	struct place place = { .text = "", .id = workload->id };

	switch (order->key) {
	case ORDER_PATH:
		place.text = workload->path;
		break;
	case ORDER_NAME:
		place.text = workload->name;
		place.none = !*workload->name;
		break;
	case ORDER_KIND:
		place.text = workload_kind_name(workload->kind);
		break;
	case ORDER_FIELD:
		place.number =
			quantity_real(values_get(order->values, workload, order->field), NAN);
		place.none = isnan(place.number);
		place.number = place.none ? 0 : place.number;
		break;
	case ORDER_ID:
		break;
	}
	return place;
}

int order_compare(const struct order *order, const struct place *a, const struct place *b)
{
	int direction = order->descending ? -1 : 1;
	int text = strcmp(a->text, b->text);

	if (a->none != b->none)
		return a->none ? 1 : -1;
	if (a->number != b->number)
		return a->number < b->number ? -direction : direction;
	if (text)
		return text < 0 ? -direction : direction;
	if (order->key != ORDER_ID)
		direction = 1;
	return a->id == b->id ? 0 : (a->id < b->id ? -direction : direction);
}

static const char *order_name(const struct order *order)
{
	return order->key == ORDER_FIELD ? fields[order->field].name : key_names[order->key];
}

/* Hexadecimal digits of "<key> <direction> <none> <id> <number> <text>". */
char *place_encode(const struct order *order, const struct place *place)
{
	cleanup_free char *plain =
		xasprintf("%s %d %d %" PRIu64 " %a %s", order_name(order), order->descending,
			  place->none, place->id, place->number, place->text);
	size_t length = strlen(plain);
	char *cursor = xmalloc(2 * length + 1);

	for (size_t i = 0; i <= length; i++)
		snprintf(cursor + 2 * i, i < length ? 3 : 1, "%02x", (unsigned char)plain[i]);
	return cursor;
}

static char *from_hex(const char *cursor)
{
	size_t length = strlen(cursor);
	char *plain = xcalloc(length / 2 + 1, 1);

	for (size_t i = 0; i + 1 < length; i += 2) {
		char digits[3] = { cursor[i], cursor[i + 1] }, *end;

		plain[i / 2] = (char)strtoul(digits, &end, 16);
		if (*end || !plain[i / 2]) { /* not ours: nothing will match it */
			*plain = '\0';
			break;
		}
	}
	return plain;
}

bool place_decode(const struct order *order, const char *cursor, struct place *ret_place)
{
	cleanup_free char *plain = from_hex(cursor);
	cleanup_free char *head = xasprintf("%s %d ", order_name(order), order->descending);
	size_t head_length = strlen(head);
	struct place place = { 0 };
	int none, end = 0;

	if (strncmp(plain, head, head_length) != 0)
		return false;
	/* Only cursors of our own making get here with sense; others order somewhere, harmlessly. */
	if (sscanf(plain + head_length, "%d %" SCNu64 " %la%n", &none, &place.id, &place.number,
		   &end) != 3 || // NOLINT(cert-err34-c)
	    plain[head_length + (size_t)end] != ' ' ||
	    isnan(place.number))
		return false;
	place.none = none != 0;
	place.keep = xstrdup(plain + head_length + end + 1);
	place.text = place.keep;
	*ret_place = place;
	return true;
}
