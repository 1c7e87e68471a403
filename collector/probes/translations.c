/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink, <linux/netfilter/nfnetlink_conntrack.h>: a dump of connections whose destination was changed. */
#include "collector/probes/translations.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpf/wire_connections.h"
#include "collector/memory.h"
#include "collector/probes/pace.h"

enum {
	BUFFER_BYTES = 64 * 1024,
	WAIT_S = 1, /* the kernel answers at once */
};

struct translations {
	int map_fd, fd;
	struct pace pace;
	uint32_t turn; /* number of the last question */
	char buffer[BUFFER_BYTES];
};

struct translations *translations_new(int map_fd)
{
	struct translations *translations = xcalloc(1, sizeof(*translations));

	translations->map_fd = map_fd;
	translations->fd = -1;
	return translations;
}

void translations_free(struct translations *translations)
{
	if (!translations)
		return;
	if (translations->fd >= 0)
		close(translations->fd);
	free(translations);
}

static int open_socket(struct translations *translations)
{
	const struct timeval wait = { .tv_sec = WAIT_S };

	if (translations->fd < 0)
		translations->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (translations->fd < 0 ||
	    setsockopt(translations->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
		return -errno;
	return 0;
}

/* The kernel leaves out the others by itself, since 5.17. */
static int ask(struct translations *translations)
{
	struct {
		struct nlmsghdr head;
		struct nfgenmsg family;
		struct nlattr status;
		uint32_t status_value;
		struct nlattr mask;
		uint32_t mask_value;
	} question = {
		.head = { .nlmsg_len = sizeof(question),
			  .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			  .nlmsg_seq = ++translations->turn },
		.family = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 },
		.status = { .nla_len = NLA_HDRLEN + sizeof(uint32_t), .nla_type = CTA_STATUS },
		.status_value = htonl(IPS_DST_NAT),
		.mask = { .nla_len = NLA_HDRLEN + sizeof(uint32_t), .nla_type = CTA_STATUS_MASK },
		.mask_value = htonl(IPS_DST_NAT),
	};

	return send(translations->fd, &question, sizeof(question), 0) < 0 ? -errno : 0;
}

/* The attribute of a type among `size` bytes of them; NULL without it, or when it is shorter than `least`. */
static const struct nlattr *find(const void *attributes, size_t size, unsigned type, size_t least)
{
	const char *at = attributes;

	while (size >= NLA_HDRLEN) {
		const struct nlattr *attribute = (const void *)at;
		size_t step = NLA_ALIGN(attribute->nla_len);

		if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > size)
			return NULL;
		if ((attribute->nla_type & NLA_TYPE_MASK) == type)
			return attribute->nla_len >= NLA_HDRLEN + least ? attribute : NULL;
		at += step < size ? step : size;
		size -= step < size ? step : size;
	}
	return NULL;
}

static const void *payload(const struct nlattr *attribute)
{
	return (const char *)attribute + NLA_HDRLEN;
}

static const struct nlattr *find_in(const struct nlattr *nest, unsigned type, size_t least)
{
	return nest ? find(payload(nest), nest->nla_len - NLA_HDRLEN, type, least) : NULL;
}

/* Source or destination of a tuple of TCP. */
static bool read_end(const struct nlattr *tuple, bool source, struct wire_service *ret)
{
	const struct nlattr *ip = find_in(tuple, CTA_TUPLE_IP, 0);
	const struct nlattr *proto = find_in(tuple, CTA_TUPLE_PROTO, 0);
	const struct nlattr *number = find_in(proto, CTA_PROTO_NUM, 1);
	const struct nlattr *port =
		find_in(proto, source ? CTA_PROTO_SRC_PORT : CTA_PROTO_DST_PORT, sizeof(uint16_t));
	const struct nlattr *four = find_in(ip, source ? CTA_IP_V4_SRC : CTA_IP_V4_DST, 4);
	const struct nlattr *six = find_in(ip, source ? CTA_IP_V6_SRC : CTA_IP_V6_DST, 16);
	struct wire_service end = { .address = { 0, 0, htonl(0xffff), 0 } };
	uint16_t in_order;

	if (!number || !port || (!four && !six) || *(const uint8_t *)payload(number) != IPPROTO_TCP)
		return false;
	memcpy(&in_order, payload(port), sizeof(in_order));
	end.port = in_order;
	if (four)
		memcpy(&end.address[3], payload(four), 4);
	else
		memcpy(end.address, payload(six), sizeof(end.address));
	*ret = end;
	return true;
}

/* Means something else in each namespace. */
static bool is_loopback(const struct wire_service *service)
{
	static const struct in6_addr six = IN6ADDR_LOOPBACK_INIT;

	return memcmp(service->address, &six, sizeof(six)) == 0 ||
	       (service->address[2] == htonl(0xffff) &&
		ntohl(service->address[3]) >> 24 == IN_LOOPBACKNET);
}

/* Who answers is the source of what comes back. */
static void take(const struct translations *translations, const struct nlmsghdr *message)
{
	const char *attributes =
		(const char *)NLMSG_DATA(message) + NLMSG_ALIGN(sizeof(struct nfgenmsg));
	size_t size = message->nlmsg_len - NLMSG_SPACE(sizeof(struct nfgenmsg));
	const struct nlattr *status = find(attributes, size, CTA_STATUS, sizeof(uint32_t));
	struct wire_service asked, answers;
	uint32_t bits = 0;

	if (status)
		memcpy(&bits, payload(status), sizeof(bits));
	if (!(ntohl(bits) & IPS_DST_NAT) ||
	    !read_end(find(attributes, size, CTA_TUPLE_ORIG, 0), false, &asked) ||
	    is_loopback(&asked) ||
	    !read_end(find(attributes, size, CTA_TUPLE_REPLY, 0), true, &answers))
		return;
	(void)bpf_map_update_elem(translations->map_fd, &asked, &answers, BPF_ANY);
}

/* 1: that was the last of them. -errno. */
static int take_all(const struct translations *translations, size_t size)
{
	const struct nlmsghdr *message = (const void *)translations->buffer;

	for (; NLMSG_OK(message, size); message = NLMSG_NEXT(message, size)) {
		if (message->nlmsg_seq != translations->turn) /* of a question that was given up */
			continue;
		if (message->nlmsg_type == NLMSG_DONE)
			return 1;
		if (message->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(message))->error;
		if (message->nlmsg_len >= NLMSG_SPACE(sizeof(struct nfgenmsg)))
			take(translations, message);
	}
	return 0;
}

int translations_update(struct translations *translations)
{
	if (!pace_begin(&translations->pace))
		return 0;
	int err = open_socket(translations);

	err = err ? err : ask(translations);
	while (err == 0) {
		ssize_t n = recv(translations->fd, translations->buffer, BUFFER_BYTES, 0);

		if (n < 0 && errno != EINTR)
			err = -errno;
		else if (n > 0)
			err = take_all(translations, (size_t)n);
	}
	pace_end(&translations->pace);
	return err < 0 ? err : 0;
}
