/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the probes of block I/O and of waits for memory count under.
 */
#pragma once

/*
 * blkio.bpf.c. Keys of histograms: (device * WIRE_BLKIO_OPERATIONS + operation) * WIRE_BLKIO_STAGES +
 * stage; of tallies the same with what is counted in place of the stage.
 */
enum {
	WIRE_BLKIO_READ,
	WIRE_BLKIO_WRITE,
	WIRE_BLKIO_DISCARD,
	WIRE_BLKIO_FLUSH,
	WIRE_BLKIO_OPERATIONS
};
enum { WIRE_BLKIO_QUEUE, WIRE_BLKIO_DEVICE, WIRE_BLKIO_STAGES };
/* VOLUME is of bytes; of flushes, which have none, of requests. */
enum { WIRE_BLKIO_VOLUME, WIRE_BLKIO_ERRORS, WIRE_BLKIO_TALLIES };

/* Why a request is charged to nobody, or has no duration. */
enum { WIRE_BLKIO_V1, WIRE_BLKIO_NO_CGROUP, WIRE_BLKIO_UNTIMED, WIRE_BLKIO_STRAYS };

/* memory_stalls.bpf.c: keys of histograms, whose memory ran short, or what the page was of. */
enum {
	WIRE_STALL_RECLAIM_CGROUP,
	WIRE_STALL_RECLAIM_HOST,
	WIRE_STALL_HIGH,
	WIRE_STALL_FAULT_FILE,
	WIRE_STALL_FAULT_SWAP,
	WIRE_STALLS
};

/* Where runs of programs are counted, behind the last of them: ends of which the beginning is not known. */
enum { WIRE_STALLS_UNTIMED = 10 };
