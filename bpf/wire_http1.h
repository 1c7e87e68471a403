/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Methods of HTTP/1 that are told apart (RFC 9110 and 5789); all others are one. */
#pragma once

/* clang-format off */
#define HTTP1_METHODS(X) \
	X(GET) X(HEAD) X(POST) X(PUT) X(DELETE) X(CONNECT) X(OPTIONS) X(TRACE) X(PATCH)
/* clang-format on */

enum {
	HTTP1_OTHER = 1,
#define HTTP1_ROW(name) HTTP1_##name,
	HTTP1_METHODS(HTTP1_ROW)
#undef HTTP1_ROW
		HTTP1_METHODS_END
};
