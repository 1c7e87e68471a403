/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probes/outside.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "bpf/wire_connections.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/options.h"

enum { NAME_MAX_BYTES = 63, V4_BITS = 32, V6_BITS = 128 };

static const char *const known[] = {
	"loopback=127.0.0.0/8",
	"loopback=::1/128",
	"private=10.0.0.0/8",
	"private=172.16.0.0/12",
	"private=192.168.0.0/16",
	"private=100.64.0.0/10",
	"private=fc00::/7",
	"link-local=169.254.0.0/16",
	"link-local=fe80::/10",
	"public=0.0.0.0/0",
	"public=::/0",
};

struct network {
	struct wire_network key;
	uint32_t group;
};

struct outside {
	char **names; /* [0] is NULL */
	uint32_t n_names;
	struct network *networks;
	uint32_t n;
};

/* "other" is what stands for all that is not named. */
static bool is_name(const char *text, size_t length)
{
	if (length == 0 || length > NAME_MAX_BYTES || (length == 5 && !memcmp(text, "other", 5)))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
			return false;
	return true;
}

/* A network without a prefix is one address. */
static bool parse_network(const char *text, struct wire_network *ret)
{
	const char *slash = strchrnul(text, '/');
	cleanup_free char *address = xstrndup(text, (size_t)(slash - text));
	struct wire_network network = { .address = { 0, 0, htonl(0xffff), 0 } };
	bool v4 = inet_pton(AF_INET, address, &network.address[3]) == 1;
	unsigned long bits = v4 ? V4_BITS : V6_BITS, most = bits;
	char *end = NULL;

	if (!v4 && inet_pton(AF_INET6, address, network.address) != 1)
		return false;
	if (*slash) {
		bits = strtoul(slash + 1, &end, 10);
		if (!isdigit((unsigned char)slash[1]) || *end || bits > most)
			return false;
	}
	network.bits = (uint32_t)(v4 ? V6_BITS - V4_BITS + bits : bits);
	*ret = network;
	return true;
}

int outside_check(const char *text, char **ret_reason)
{
	const char *equals = strchr(text, '=');
	struct wire_network network;

	if (!equals || !is_name(text, (size_t)(equals - text)))
		*ret_reason = xstrdup("does not begin with a name (letters, digits and - _ . , at "
				      "most 63 of them, and not \"other\") and an equals sign");
	else if (!parse_network(equals + 1, &network))
		*ret_reason = xstrdup("has no network such as 192.0.2.0/24 or 2001:db8::/32 after "
				      "its name");
	else
		return 0;
	return -EINVAL;
}

static uint32_t find_group(struct outside *outside, const char *name, size_t length)
{
	for (uint32_t i = 1; i < outside->n_names; i++)
		if (strlen(outside->names[i]) == length && !memcmp(outside->names[i], name, length))
			return i;
	outside->names =
		xreallocarray(outside->names, outside->n_names + 1, sizeof(*outside->names));
	outside->names[outside->n_names] = xstrndup(name, length);
	return outside->n_names++;
}

static void add(struct outside *outside, const char *text)
{
	const char *equals = strchr(text, '=');
	struct network *network = &outside->networks[outside->n];

	if (!equals || !parse_network(equals + 1, &network->key))
		return;
	network->group = find_group(outside, text, (size_t)(equals - text));
	outside->n++;
}

struct outside *outside_new(const struct string_list *named)
{
	struct outside *outside = xcalloc(1, sizeof(*outside));

	outside->names = xcalloc(1, sizeof(*outside->names));
	outside->n_names = 1;
	outside->networks = xcalloc(ARRAY_SIZE(known) + named->n, sizeof(*outside->networks));
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		add(outside, known[i]);
	for (size_t i = 0; i < named->n; i++)
		add(outside, named->items[i]);
	return outside;
}

void outside_free(struct outside *outside)
{
	if (!outside)
		return;
	for (uint32_t i = 1; i < outside->n_names; i++)
		free(outside->names[i]);
	free(outside->names);
	free(outside->networks);
	free(outside);
}

uint32_t outside_networks(const struct outside *outside)
{
	return outside->n;
}

int outside_fill(const struct outside *outside, int map_fd)
{
	for (uint32_t i = 0; i < outside->n; i++)
		if (bpf_map_update_elem(map_fd, &outside->networks[i].key,
					&outside->networks[i].group, BPF_ANY) < 0)
			return -errno;
	return 0;
}

const char *outside_name(const struct outside *outside, uint32_t group)
{
	return group < outside->n_names ? outside->names[group] : NULL;
}
