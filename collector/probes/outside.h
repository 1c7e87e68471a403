/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups of addresses that are not of this host, by name: loopback, private (RFC 1918, 4193, 6598),
 * link-local, public, and those of --connections.outside. The longest prefix wins. Group 0 has no name.
 */
#pragma once

#include <stdint.h>

struct outside;
struct string_list;

/* `named` are texts that outside_check() accepts. */
struct outside *outside_new(const struct string_list *named);
/* Accepts NULL. */
void outside_free(struct outside *outside);
/* Networks in all groups together. */
uint32_t outside_networks(const struct outside *outside);
/* Fills a longest-prefix map with struct wire_network -> number of the group. -errno. */
int outside_fill(const struct outside *outside, int map_fd);
/* The name of a group; NULL for 0 and beyond the last. */
const char *outside_name(const struct outside *outside, uint32_t group);
/*
 * Whether a text is NAME=CIDR with a name that can be one. -EINVAL and *ret_reason, a sentence that the
 * caller frees. For option_rows.c.
 */
int outside_check(const char *text, char **ret_reason);
