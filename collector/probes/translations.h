/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who answers behind addresses that are translated on the way (published ports, ClusterIPs), as netfilter's
 * connection tracking of this network namespace knows it: for bpf/peers.h. Owned by its probe.
 */
#pragma once

struct translations;

/* `map_fd` is the map of struct wire_service to struct wire_service, which stays the caller's. */
struct translations *translations_new(int map_fd);
/* Accepts NULL. */
void translations_free(struct translations *translations);
/*
 * Reads them, unless the last time took long and is not long ago. -errno: not permitted (CAP_NET_ADMIN), or the
 * kernel has none.
 */
int translations_update(struct translations *translations);
