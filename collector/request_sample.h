/* SPDX-License-Identifier: Apache-2.0 */
/* A single request that failed or was slow, as a snapshot has it. Exporters read it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct workload;

/* So long a request must be that what its thread did in it is told: a thread's clock goes by ticks. */
static const uint64_t request_run_known_ns = UINT64_C(20) * 1000 * 1000;

/* Seconds, where it is known. */
struct request_part {
	bool known;
	double seconds;
};

/* Strings live as long as the snapshot, or always; "" is unknown. */
struct request_sample {
	const struct workload *workload;
	uint64_t number; /* by the order of fetching, from 1 when the probe is opened */
	int64_t time_ms; /* Unix time of its end */
	double seconds;
	const char *why;  /* "slow", "failed", "unanswered" */
	const char *side; /* "client", "server" */
	const char *protocol, *operation;
	const char *route;		      /* of HTTP, for a server */
	const char *status;		      /* of HTTP; "" for others, and without an answer */
	const char *error;		      /* of others */
	const char *peer;		      /* address of the other end */
	const struct workload *peer_workload; /* NULL: not known, or not on this host */
	unsigned peer_port, own_port;	      /* 0: not known */
	struct request_part run, delay,
		blocked;	  /* of the thread: on a CPU, waiting for one or for disks */
	const char *trace, *span; /* ids, in hexadecimal */
};
