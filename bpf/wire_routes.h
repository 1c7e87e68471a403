/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Routes of HTTP: paths without what differs from one to the next. */
#pragma once

#include <linux/types.h>

enum {
	ROUTE_BYTES = 64,
	ROUTE_NONE = 0,	 /* nobody wants any */
	ROUTE_OTHER = 1, /* for which there is no place, and what is no path */
	ROUTE_FIRST = 2,
	ROUTES_MAX = 4096,     /* their numbers have 12 bits */
	ROUTE_METHOD_BITS = 4, /* of an operation of HTTP; a route's number is above them */
};

/* As text, with zeros behind it. */
struct wire_route {
	__u64 words[ROUTE_BYTES / 8];
};
