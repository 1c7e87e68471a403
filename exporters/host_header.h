/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protection of servers on loopback from web pages that resolve a name of theirs to it (DNS
 * rebinding): a browser then tells that name. Owns nothing; for exchange.c.
 */
#pragma once

#include <stdbool.h>

/*
 * Whether a Host header (NULL: none was sent) may have come to this host's loopback in good faith:
 * an IP address, localhost or a name below it, or this host's own name.
 */
bool host_header_is_ours(const char *host);
