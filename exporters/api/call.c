/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/api/call.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/options/options.h"
#include "exporters/api/conditions.h"
#include "exporters/api/history.h"

enum { MAX_AGE_MS = 5000, FIRST_AGE_MS = 1000, SHA256_BYTES = 32, ETAG_BYTES = 12 };

static bool is_known(const char *name, const char *const known[])
{
	for (; *known; known++)
		if (streq(name, *known))
			return true;
	return false;
}

bool api_begin(struct api_call *call, const struct service *service,
	       const struct http_request *request, struct http_reply *reply,
	       const char *const known[])
{
	const char *unready = service->unready ? service->unready(service->context) : NULL;

	*call = (struct api_call){ .service = service, .request = request, .reply = reply };
	if (!accept_allows(request->accept, "application/json")) {
		http_reply_problem(reply, request, 406,
				   "this resource is available as application/json only");
		return false;
	}
	for (size_t i = 0; i < request->n_parameters; i++) {
		const char *name = request->parameters[i].name;

		if (is_known(name, known))
			continue;
		http_reply_problem(reply, request, 400, "unknown parameter '%.64s'", name);
		return false;
	}
	if (unready) {
		http_reply_problem(reply, request, 503, "not ready: %s", unready);
		http_reply_header(reply, "Retry-After", "1");
		return false;
	}
	return true;
}

void api_read(struct api_call *call)
{
	const struct service *service = call->service;
	bool first = service->history && !history_ready(service->history);
	const struct collect_request all = {
		.sources = UINT64_MAX,
		.max_age_ms = first ? FIRST_AGE_MS : MAX_AGE_MS,
	};

	call->snapshot = service->acquire(service->context, &all);
}

void api_load(struct api_call *call)
{
	const struct options *options = call->service->options;

	api_read(call);
	values_load(&call->values, call->snapshot, call->service->history,
		    options && options->compat_cadvisor_sentinels);
}

void api_end(struct api_call *call)
{
	values_free(&call->values);
	snapshot_unref(call->snapshot);
}

bool parse_number(const char *text, uint64_t *ret_number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);

	if (errno || *end)
		return false;
	*ret_number = number;
	return true;
}

bool api_parameter_number(struct api_call *call, const char *name, uint64_t least, uint64_t most,
			  uint64_t *value)
{
	const char *text = http_parameter(call->request, name);
	uint64_t number;

	if (!text)
		return true;
	if (!parse_number(text, &number) || number < least || number > most) {
		http_reply_problem(call->reply, call->request, 400,
				   "parameter '%s' must be a number from %ju to %ju", name,
				   (uintmax_t)least, (uintmax_t)most);
		return false;
	}
	*value = number;
	return true;
}

bool api_parameter_choice(struct api_call *call, const char *name, const char *const words[],
			  size_t n, size_t *choice)
{
	const char *text = http_parameter(call->request, name);
	cleanup(buffer_free) struct buffer list = { 0 };

	if (!text)
		return true;
	for (size_t i = 0; i < n; i++) {
		if (streq(text, words[i])) {
			*choice = i;
			return true;
		}
		buffer_printf(&list, "%s%s", i ? ", " : "", words[i]);
	}
	buffer_putc(&list, '\0');
	http_reply_problem(call->reply, call->request, 400, "parameter '%s' must be one of %s",
			   name, list.data);
	return false;
}

const struct workload *api_workload(struct api_call *call, const char *id)
{
	const struct snapshot *snapshot = call->snapshot;
	const struct workload *found = NULL;
	size_t n = 0, length = strlen(id);
	uint64_t number;
	bool is_number = parse_number(id, &number);

	for (uint32_t i = 0; i < snapshot->n_workloads; i++) {
		const struct workload *workload = &snapshot->workloads[i];

		if (is_number && workload->id == number)
			return workload;
		if (length && !workload->inside &&
		    strncmp(workload->container_id, id, length) == 0) {
			found = found ? found : workload;
			n++;
		}
	}
	if (n == 1)
		return found;
	if (n > 1)
		http_reply_problem(call->reply, call->request, 400,
				   "'%.64s' begins %zu container ids; give more of it", id, n);
	else
		http_reply_problem(call->reply, call->request, 404,
				   "no workload has the cgroup id or container id '%.64s'", id);
	return NULL;
}

json_t *api_interval(const struct api_call *call)
{
	return call->values.interval_s > 0 ? json_real(call->values.interval_s) : json_null();
}

void api_reply_json(struct api_call *call, json_t *json)
{
	call->reply->status = 200;
	call->reply->content_type = "application/json";
	json_append(&call->reply->body, json);
	buffer_putc(&call->reply->body, '\n');
}

void api_reply_tagged(const struct http_request *request, struct http_reply *reply,
		      const char *type)
{
	unsigned char digest[SHA256_BYTES] = { 0 };
	char etag[sizeof("W/\"\"") + 2 * ETAG_BYTES] = "W/\"";
	char *tag = etag + 2; /* weak: the compressed form has the same one */

	reply->status = 200;
	reply->content_type = type;
	reply->cacheable = true;
	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, reply->body.data, reply->body.length, digest))
		return; /* no tag, no harm */
	for (size_t i = 0; i < ETAG_BYTES; i++)
		snprintf(tag + 1 + 2 * i, 3, "%02x", digest[i]);
	tag[2 * ETAG_BYTES + 1] = '"';
	http_reply_header(reply, "ETag", etag);
	http_reply_header(reply, "Cache-Control", "no-cache");
	if (etag_matches(request->if_none_match, tag)) {
		reply->status = 304;
		reply->body.length = 0;
	}
}
