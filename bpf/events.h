/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One ring of rare events for all probes: the collector makes it once and hands it to each object. What
 * finds no room is counted. Waking the collector costs more than all the rest, so it is for what cannot
 * wait, and for a ring that fills.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "bpf/wire.h"
#include "bpf/wire_lifetime.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} event_counts SEC(".maps");

static __always_inline void event_count(__u32 number)
{
	__u64 *count = bpf_map_lookup_elem(&event_counts, &number);

	if (count)
		__sync_fetch_and_add(count, 1);
}

/* Room for a record of this type; NULL, and counted, when there is none. The verifier wants `size` constant. */
static __always_inline void *event_begin(__u32 type, __u64 size, __u64 id)
{
	struct wire_event *event = bpf_ringbuf_reserve(&events, size, 0);

	if (!event) {
		event_count(WIRE_COUNT_LOST + type);
		return 0;
	}
	event->type = type;
	event->spare = 0;
	event->time_ns = bpf_ktime_get_ns();
	event->id = id;
	return event;
}

/* The record is ready; `urgent`: the collector is woken. */
static __always_inline void event_end(void *event, bool urgent)
{
	__u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	__u64 size = bpf_ringbuf_query(&events, BPF_RB_RING_SIZE);

	bpf_ringbuf_submit(event,
			   urgent || waiting > size / 4 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}
