/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What datagrams of a socket say: questions to name servers, and their answers. */
#pragma once

#include "bpf/answers.h"
#include "bpf/protocols/exchange.h"
#include "bpf/resolvers.h"
#include "bpf/samples.h"

enum {
	RESOLVER_TRIES = 4, /* datagrams, until it is clear that it asks nobody */
	RESOLVER_SEEN = PROTOCOL_WINDOW - PROTOCOL_CARRY,
};

static __always_inline void resolver_bytes(const struct resolver *resolver, __u32 from_server,
					   __u64 n)
{
	tally_add(slot_again(resolver->cgroup, resolver->slot),
		  WIRE_REQUEST_BYTES + WIRE_PROTOCOL_dns * 4 + from_server, n);
}

static __always_inline struct question *resolver_question(struct resolver *resolver, __u64 i)
{
	asm volatile("" : "+r"(i));
	i &= RESOLVER_ASKED - 1;
	return &resolver->asked[i];
}

/* What is asked again with the same number, because no answer came, has begun with the first time. */
__attribute__((noinline)) int resolver_ask(struct resolver *resolver,
					   const struct protocol_step *step, __u64 now_ns)
{
	struct question *question;
	__u32 place = RESOLVER_ASKED;

	if (!resolver || !step)
		return 0;
	for (__u32 i = 0; i < RESOLVER_ASKED; i++) {
		question = resolver_question(resolver, i);
		if (!question->operation)
			place = i;
		else if (question->id == step->id && question->operation == step->operation)
			return 0;
	}
	if (place == RESOLVER_ASKED) {
		place = resolver->next++;
		resolver_fault(resolver, WIRE_FAULT_UNANSWERED, 1);
	}
	question = resolver_question(resolver, place);
	question->began_ns = now_ns;
	question->id = step->id;
	question->operation = step->operation;
	return 0;
}

static __always_inline void resolver_answered(const struct resolver *resolver, __u32 operation,
					      __u32 status, __u64 began_ns, __u64 now_ns)
{
	struct sampled sampled = { .cgroup = resolver->cgroup,
				   .socket = resolver->socket,
				   .began_ns = began_ns,
				   .ended_ns = now_ns,
				   .slot = slot_again(resolver->cgroup, resolver->slot),
				   .why = WIRE_SAMPLE_FAILED };
	struct wire_sample *sample;

	answer_add(sampled.slot, WIRE_SIDE_CLIENT, WIRE_PROTOCOL_dns, operation, status,
		   now_ns - began_ns, 0);
	if (!sample_wanted(WIRE_SIDE_CLIENT, WIRE_PROTOCOL_dns, operation, status, &sampled))
		return;
	sample = sample_begin(&sampled);
	if (sample)
		sample_end(sample);
}

/* Whether somebody asked for it. */
__attribute__((noinline)) int resolver_hear(struct resolver *resolver,
					    const struct protocol_step *step, __u64 now_ns)
{
	if (!resolver || !step)
		return 0;
	for (__u32 i = 0; i < RESOLVER_ASKED; i++) {
		struct question *question = resolver_question(resolver, i);
		__u32 operation = question->operation;
		__u64 began_ns = question->began_ns;

		if (!operation || question->id != step->id)
			continue;
		/* Two tasks may read one answer each. */
		if (__sync_val_compare_and_swap(&question->operation, operation, 0) != operation)
			continue;
		resolver_answered(resolver, operation, step->status, began_ns, now_ns);
		return 1;
	}
	return 0;
}

/*
 * Who sends a question asks; who gets one is a server. Answers alone are not enough to tell: what they are of
 * was forgotten, or is older than the program.
 */
static __always_inline void resolver_tell(struct resolver *resolver,
					  const struct protocol_window *window)
{
	int guess = dns_detect(window);

	if (guess == PROTOCOL_CLIENT)
		resolver->kind = window->from_client ? RESOLVER_ASKS : RESOLVER_OTHER;
	else if (guess == PROTOCOL_SERVER && !window->from_client)
		resolver_fault(resolver, WIRE_FAULT_UNMATCHED, 1);
	else if (window->from_client || ++resolver->tries >= RESOLVER_TRIES)
		resolver->kind = RESOLVER_OTHER;
}
