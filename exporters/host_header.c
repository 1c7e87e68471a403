/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/host_header.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Copies the name without port, brackets and last dot; false when it is too long for a name. */
static bool host_name(const char *host, char *name, size_t size)
{
	size_t length;

	if (*host == '[') {
		host++;
		length = strcspn(host, "]");
	} else {
		length = strcspn(host, ":");
		if (length && host[length - 1] == '.')
			length--;
	}
	if (length >= size)
		return false;
	memcpy(name, host, length);
	name[length] = '\0';
	return true;
}

static bool ends_with(const char *name, const char *end)
{
	size_t length = strlen(name), end_length = strlen(end);

	return length >= end_length && strcasecmp(name + length - end_length, end) == 0;
}

/* The whole name that the kernel has, or its first label: "db1" and "db1.example.org" are one. */
static bool is_own_name(const char *name)
{
	char own[HOST_NAME_MAX + 1];
	size_t label;

	if (gethostname(own, sizeof(own)) < 0)
		return false;
	own[sizeof(own) - 1] = '\0';
	label = strcspn(own, ".");
	return strcasecmp(name, own) == 0 ||
	       (label && strncasecmp(name, own, label) == 0 && strlen(name) == label);
}

bool host_header_is_ours(const char *host)
{
	unsigned char address[sizeof(struct in6_addr)];
	char name[256];

	if (!host || !*host)
		return true;
	if (!host_name(host, name, sizeof(name)))
		return false;
	return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1 ||
	       strcasecmp(name, "localhost") == 0 || ends_with(name, ".localhost") ||
	       is_own_name(name);
}
