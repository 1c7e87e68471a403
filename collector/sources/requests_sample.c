/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/sources/requests_sample.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "bpf/wire_requests.h"
#include "collector/cleanup.h"
#include "collector/snapshot.h"
#include "collector/sources/requests_names.h"

enum { TRACE_DIGITS = 32, SPAN_DIGITS = 16 };

static const char *const whys[WIRE_SAMPLES] = {
	[WIRE_SAMPLE_SLOW] = "slow",
	[WIRE_SAMPLE_FAILED] = "failed",
	[WIRE_SAMPLE_UNANSWERED] = "unanswered",
};

static const char *peer_text(const struct wire_sample *sample, struct arena *arena)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const uint8_t *address = (const uint8_t *)sample->peer;
	char text[INET6_ADDRSTRLEN];

	if (!sample->peer_port)
		return "";
	if (memcmp(address, mapped, sizeof(mapped)) == 0)
		inet_ntop(AF_INET, address + sizeof(mapped), text, sizeof(text));
	else
		inet_ntop(AF_INET6, address, text, sizeof(text));
	return arena_strdup(arena, text);
}

static const char *digits_text(const __u64 *words, unsigned n, struct arena *arena)
{
	char text[TRACE_DIGITS + 1];

	for (unsigned i = 0; i < n; i++)
		snprintf(text + i * 16, 17, "%016llx", words[i]);
	return arena_strdup(arena, text);
}

static struct request_part part_of(const struct wire_sample *sample, unsigned part, uint64_t ns)
{
	return (struct request_part){ .known = sample->parts & part, .seconds = (double)ns / 1e9 };
}

static void describe_thread(const struct wire_sample *sample, struct request_sample *ret)
{
	if (sample->ns >= request_run_known_ns)
		ret->run = part_of(sample, WIRE_PART_RUN, sample->run_ns);
	ret->delay = part_of(sample, WIRE_PART_DELAY, sample->delay_ns);
	ret->blocked = part_of(sample, WIRE_PART_BLOCK, sample->block_ns);
}

void sample_describe(const struct kept_sample *kept, const struct workload *workload,
		     const struct workload *peer, struct arena *arena, struct request_sample *ret)
{
	const struct wire_sample *sample = &kept->sample;
	const struct request_key key = request_key(sample->key);
	const bool http = key.protocol == WIRE_PROTOCOL_http1;
	const bool answered = sample->why != WIRE_SAMPLE_UNANSWERED;
	const bool traced = sample->trace[2] != 0;

	*ret = (struct request_sample){
		.workload = workload,
		.number = kept->number,
		.time_ms = kept->time_ms,
		.seconds = (double)sample->ns / 1e9,
		.why = whys[sample->why < WIRE_SAMPLES ? sample->why : WIRE_SAMPLE_FAILED],
		.side = key.side == WIRE_SIDE_CLIENT ? "client" : "server",
		.protocol = protocol_name(key.protocol),
		.operation = operation_name(key.protocol, key.operation),
		.route = "",
		.status = http && answered ? http_status_name(arena, key.status) : "",
		.error = !http && answered ? error_name(arena, key.protocol, key.status) : "",
		.peer = peer_text(sample, arena),
		.peer_workload = peer,
		.peer_port = sample->peer_port,
		.own_port = sample->own_port,
		.trace = traced ? digits_text(sample->trace, 2, arena) : "",
		.span = traced ? digits_text(sample->trace + 2, 1, arena) : "",
	};
	describe_thread(sample, ret);
}

/* OpenMetrics 1.0: names and values together, in characters, of which there are no more than bytes. */
enum { LABELS_BYTES_MAX = 128 };

static bool has_room(const char *const *labels, const char *name, const char *value)
{
	size_t bytes = strlen(name) + strlen(value);

	for (; *labels; labels++)
		bytes += strlen(*labels);
	return bytes <= LABELS_BYTES_MAX;
}

/*
 * With an address of 45 characters those of the trace and the peer are 8 + 32 + 7 + 16 + 4 + 53, which has
 * room; a name may have none.
 */
const char *const *sample_labels(const struct request_sample *sample, struct snapshot *snapshot)
{
	const char **labels = arena_alloc(&snapshot->arena, 9 * sizeof(*labels));
	const char *name = sample->peer_workload ? workload_title(sample->peer_workload) : "";
	const bool six = strchr(sample->peer, ':');
	char peer[64];
	size_t n = 0;

	if (*sample->trace) {
		labels[n++] = "trace_id";
		labels[n++] = sample->trace;
		labels[n++] = "span_id";
		labels[n++] = sample->span;
	}
	if (*sample->peer) {
		snprintf(peer, sizeof(peer), "%s%.45s%s:%u", six ? "[" : "", sample->peer,
			 six ? "]" : "", sample->peer_port);
		labels[n++] = "peer";
		labels[n++] = arena_strdup(&snapshot->arena, peer);
	}
	labels[n] = NULL;
	if (*name && has_room(labels, "peer_name", name)) {
		labels[n++] = "peer_name";
		labels[n++] = name;
		labels[n] = NULL;
	}
	return labels;
}
