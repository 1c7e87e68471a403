/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of workloads: filters, order, pages, chosen fields, nested or flat. For exporters/api.
 */
#pragma once

#include "exporters/api/call.h"

struct list {
	unsigned documents; /* IN_...: whose fields it may be sorted by */
	bool inside;	    /* with the groups inside containers */
	json_t *(*describe)(const struct values *values, const struct workload *workload);
};

enum { LIST_LIMIT_DEFAULT = 100, LIST_LIMIT_MAX = 10000 };

/* Parameters of every list, for api_begin(). */
#define LIST_FILTERS "kind", "name", "namespace", "pod", "container", "image", "runtime", "parent"
extern const char *const list_parameters[];

/* Answers with the list, or with 400. After api_begin(); takes the reading itself. */
void api_reply_list(struct api_call *call, const struct list *list);

/* Whether a workload passes the filters among the parameters: equal values, repeated ones are "or". */
bool filter_matches(const struct http_request *request, const struct workload *workload,
		    const struct snapshot *snapshot);
/* The same for what only some lists have: whether a value is among those that are asked for under a name, if any are. */
bool filter_passes(const struct http_request *request, const char *name, const char *value);
/* false: a filter's value is impossible, and 400 was answered. */
bool filter_check(struct api_call *call);
