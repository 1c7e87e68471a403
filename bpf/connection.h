/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What connections.bpf.c keeps with each socket. */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

enum role { ROLE_NONE, ROLE_CLIENT, ROLE_SERVER, ROLE_LISTENER };

struct connection {
	__u64 began_ns;
	__u64 made_ns;
	__u64 handshake;      /* of a client */
	__u64 pair;	      /* number that its edge had last */
	__u64 sent, received; /* bytes that its edge has of it already */
	__u64 retransmits;    /* the same of retransmitted segments */
	/* The same of requests, where they are looked at. */
	__u64 requests, requests_failed, requests_ns;
	__u64 drops;	     /* of a listener's sk_drops, counted so far */
	__u32 retransmitted; /* of tcp_sock.total_retrans, counted so far */
	__u32 peer;	     /* as in a pair; 0: not known yet */
	__u32 peer_tag;	     /* of the peer's group, where it is a slot */
	__u8 role;
	bool open;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct connection);
} connections SEC(".maps");
