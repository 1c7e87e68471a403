/* SPDX-License-Identifier: Apache-2.0 */
/* In which order a list stands, and where in it a page begins. For exporters/api. */
#pragma once

#include "exporters/api/call.h"

/* Texts, then the numeric fields of the table. */
enum order_key { ORDER_PATH, ORDER_ID, ORDER_NAME, ORDER_KIND, ORDER_FIELD };

struct order {
	enum order_key key;
	enum field_id field; /* with ORDER_FIELD */
	bool descending;
	const struct values *values;
};

/* A place in a list: what the last item of a page looked like, so that it may be gone by now. */
struct place {
	bool none; /* without a value: behind all others */
	double number;
	const char *text; /* "" for numbers */
	uint64_t id;
	char *keep; /* owns text; NULL when it is the workload's */
};

/* Reads parameter `sort`: a key or a field in `documents`, behind '-' descending. false: 400. */
bool order_read(struct api_call *call, unsigned documents, struct order *order);
struct place order_place(const struct order *order, const struct workload *workload);
/* <0, 0, >0; by id where all else is equal. */
int order_compare(const struct order *order, const struct place *a, const struct place *b);
/* The opaque form of a place, freed by the caller; and back: false when it is not one of this order. */
char *place_encode(const struct order *order, const struct place *place);
bool place_decode(const struct order *order, const char *cursor, struct place *ret_place);
