/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Block requests: how long they waited to be issued, how long the device took, and which failed. They
 * complete in interrupts, so whoever runs then has nothing to do with them: they are charged to the
 * cgroup of their first bio, as io.stat does (since 5.10 the kernel merges no bios of different cgroups
 * into one request). Devices that make no requests, such as device mapper's, pass bios on to others that
 * do.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/cpus.h"
#include "bpf/histograms.h"
#include "bpf/kernel.h"
#include "bpf/slots.h"
#include "bpf/stamps.h"
#include "bpf/tallies.h"
#include "bpf/wire_waits.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* enum req_op, include/linux/blk_types.h; before 6.0 a zone append was 13, then that of closing one. */
enum {
	OP_MASK = 0xff,
	OP_READ = 0,
	OP_WRITE = 1,
	OP_DISCARD = 3,
	OP_SECURE_ERASE = 5,
	OP_ZONE_APPEND = 7,
	OP_WRITE_ZEROES = 9,
};

enum { NO_OPERATION = -1, BIO_ISSUE_TIME_BITS = 51 };

/* Until 5.11 (a54895fa057c) the tracepoint had the queue before the request. */
const volatile bool issue_has_queue = 0;

/* The number of a disk by its device number, given on first sight while there are any. 0: the others. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u32);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__type(value, __u32);
} free_devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64); /* major << 32 | minor */
} device_owners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WIRE_BLKIO_STRAYS);
	__type(key, __u32);
	__type(value, __u64);
} strays SEC(".maps");

static __always_inline void stray_add(__u32 reason)
{
	__u64 *stray = bpf_map_lookup_elem(&strays, &reason);

	if (stray)
		__sync_fetch_and_add(stray, 1);
}

/* A number for a request. The verifier lets nobody reckon with addresses, but take one from another. */
static __always_inline __u64 number_of(struct request *rq)
{
	__u64 number = (__u64)rq;

	asm volatile("%0 -= %1" : "+r"(number) : "r"(buckets));
	return number;
}

/*
 * A stamp of our own: the kernel's is there for some queues only, and since 6.9 is that of the whole
 * batch that was submitted with it.
 */
SEC("tp_btf/block_rq_issue")
int on_issue(__u64 *ctx)
{
	struct wire_cpu *cpu = this_cpu();

	if (cpu)
		cpu->runs[0]++;
	if (issue_has_queue)
		stamp_set(number_of((struct request *)ctx[1]));
	else
		stamp_set(number_of((struct request *)ctx[0]));
	return 0;
}

/* 0: this request was not issued since it was made, or nobody knows when. */
static __always_inline __u64 take_issued(struct request *rq, __u64 created)
{
	__u64 issued = stamp_take(number_of(rq));

	return issued && issued >= created ? issued : rq->io_start_time_ns;
}

/* When the bio was submitted if the kernel says so, else when there was a request for it. */
static __always_inline __u64 created_at(struct request *rq, struct bio *bio, __u64 now)
{
	__u64 mask = (1ULL << BIO_ISSUE_TIME_BITS) - 1, time;

	if (bpf_core_field_exists(bio->bi_issue.value)) {
		time = bio->bi_issue.value & mask;
		if (time)
			return now - ((now - time) & mask);
	}
	if (bpf_core_field_exists(rq->alloc_time_ns)) {
		time = rq->alloc_time_ns;
		if (time)
			return time;
	}
	return rq->start_time_ns;
}

static __noinline __u32 device_new(__u64 device)
{
	__u32 number = 0, *winner;

	if (bpf_map_pop_elem(&free_devices, &number) < 0)
		return 0;
	if (bpf_map_update_elem(&devices, &device, &number, BPF_NOEXIST) == 0) {
		bpf_map_update_elem(&device_owners, &number, &device, BPF_ANY);
		return number;
	}
	bpf_map_push_elem(&free_devices, &number, 0);
	winner = bpf_map_lookup_elem(&devices, &device);
	return winner ? *winner : 0;
}

/* The whole disk also for I/O on a partition, as in io.stat. */
static __always_inline __u32 device_of(struct request *rq)
{
	struct gendisk *disk;
	__u64 device;
	__u32 *number;

	if (bpf_core_field_exists(rq->q->disk))
		disk = rq->q->disk;
	else
		disk = ((struct request___before_5_17 *)rq)->rq_disk;
	if (!disk)
		return 0;
	device = (__u64)disk->major << 32 | (__u32)disk->first_minor;
	number = bpf_map_lookup_elem(&devices, &device);
	return number ? *number : device_new(device);
}

/*
 * What is counted as what, as in io.stat; but for flushes, which are writes there. A flush without data
 * is never issued: the kernel issues one of its own, that has no bio, for all that wait. A write with a
 * flush before or behind it completes twice, the second time without data: that is left out.
 */
static __always_inline int operation_of(struct request *rq, __u32 bytes)
{
	__u32 flags = rq->cmd_flags, op = flags & OP_MASK;
	__u32 fua = 1U << bpf_core_enum_value(enum req_flag_bits, __REQ_FUA);

	if (op == OP_READ)
		return WIRE_BLKIO_READ;
	if (op == OP_WRITE && !bytes)
		return flags & fua || rq->io_start_time_ns ? NO_OPERATION : WIRE_BLKIO_FLUSH;
	if (op == OP_WRITE || op == OP_ZONE_APPEND || op == OP_WRITE_ZEROES)
		return WIRE_BLKIO_WRITE;
	if (op == OP_DISCARD || op == OP_SECURE_ERASE)
		return WIRE_BLKIO_DISCARD;
	return NO_OPERATION; /* commands of drivers, and of zones */
}

static __always_inline void add_durations(struct request *rq, struct bio *bio, __u32 slot,
					  __u32 pair)
{
	__u32 key = pair * WIRE_BLKIO_STAGES;
	__u64 now = bpf_ktime_get_ns();
	__u64 created = created_at(rq, bio, now), issued = take_issued(rq, created);

	/* All that a flush waits for is the device, also when it joins another one. */
	if (pair % WIRE_BLKIO_OPERATIONS == WIRE_BLKIO_FLUSH)
		issued = created;
	else if (created && issued >= created)
		histogram_add(slot, key + WIRE_BLKIO_QUEUE, issued - created);
	if (issued && issued <= now)
		histogram_add(slot, key + WIRE_BLKIO_DEVICE, now - issued);
	else
		stray_add(WIRE_BLKIO_UNTIMED);
}

static __always_inline void complete(struct request *rq, __u32 error, __u32 bytes)
{
	int operation = operation_of(rq, bytes);
	struct bio *bio = rq->bio;
	struct cgroup *group;
	__u32 slot, pair, tally;

	if (operation == NO_OPERATION || !bio)
		return;
	if (!bio->bi_blkg) {
		stray_add(WIRE_BLKIO_NO_CGROUP);
		return;
	}
	group = bio->bi_blkg->blkcg->css.cgroup;
	/* Before its id is looked up: those of version 1 are others' there. */
	if (group->root->hierarchy_id != 0) {
		stray_add(WIRE_BLKIO_V1);
		return;
	}
	slot = slot_of(group);
	pair = device_of(rq) * WIRE_BLKIO_OPERATIONS + operation;
	tally = pair * WIRE_BLKIO_TALLIES;
	if (error)
		tally_add(slot, tally + WIRE_BLKIO_ERRORS, 1);
	else
		tally_add(slot, tally + WIRE_BLKIO_VOLUME,
			  operation == WIRE_BLKIO_FLUSH ? 1 : bytes);
	/* A request may complete in parts. */
	if (bytes >= rq->__data_len)
		add_durations(rq, bio, slot, pair);
}

SEC("tp_btf/block_rq_complete")
int on_complete(__u64 *ctx)
{
	struct wire_cpu *cpu = this_cpu();

	if (cpu)
		cpu->runs[1]++;
	complete((struct request *)ctx[0], (__u32)ctx[1], (__u32)ctx[2]);
	return 0;
}
