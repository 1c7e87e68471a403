/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/netns_iterator.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "bpf/wire.h"
#include "collector/buffer.h"
#include "collector/cleanup.h"
#include "collector/memory.h"

/* The generated skeleton is no code of ours: its style is not to be checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "bpf/netns.skel.h"
#pragma GCC diagnostic pop

struct netns_iterator {
	struct netns *skeleton;
	struct bpf_link *link;
	struct buffer records; /* struct wire_netns, ascending pid */
};

/* libbpf's complaints would go to standard error; the caller has a reason of its own to give. */
static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static int compare_records(const void *a, const void *b)
{
	const struct wire_netns *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static const struct wire_netns *find_record(const struct netns_iterator *iterator, int32_t pid)
{
	const struct wire_netns key = { .pid = (uint32_t)pid };

	if (!iterator->records.length)
		return NULL;
	return bsearch(&key, iterator->records.data, iterator->records.length / sizeof(key),
		       sizeof(key), compare_records);
}

int netns_iterator_refresh(struct netns_iterator *iterator)
{
	struct buffer *records = &iterator->records;
	cleanup_close int fd = bpf_iter_create(bpf_link__fd(iterator->link));

	if (fd < 0)
		return -errno;
	records->length = 0;
	for (;;) {
		char *to = buffer_reserve(records, 4096);
		ssize_t n = read(fd, to, records->capacity - records->length);

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		records->length += (size_t)n;
	}
	records->length -= records->length % sizeof(struct wire_netns);
	if (records->length)
		qsort(records->data, records->length / sizeof(struct wire_netns),
		      sizeof(struct wire_netns), compare_records);
	return 0;
}

int netns_iterator_find(const struct netns_iterator *iterator, int32_t pid, uint64_t *ret_inode)
{
	const struct wire_netns *record = find_record(iterator, pid);

	if (!record)
		return -ENOENT;
	*ret_inode = record->inode;
	return 0;
}

/* The iterator numbers processes as the first pid namespace does: in another one it is of no use. */
static int check_own_record(const struct netns_iterator *iterator)
{
	char link[64];
	ssize_t n = readlink("/proc/self/ns/net", link, sizeof(link) - 1);
	const struct wire_netns *own = find_record(iterator, getpid());

	if (n <= 0 || !own)
		return -EXDEV;
	link[n] = '\0';
	const char *bracket = strchr(link, '[');
	return bracket && strtoull(bracket + 1, NULL, 10) == own->inode ? 0 : -EXDEV;
}

static int load(struct netns_iterator *iterator)
{
	iterator->skeleton = netns__open();
	if (!iterator->skeleton)
		return -errno;
	int err = netns__load(iterator->skeleton);
	if (err < 0)
		return err;
	iterator->link = bpf_program__attach_iter(iterator->skeleton->progs.list_netns, NULL);
	if (!iterator->link)
		return -errno;
	err = netns_iterator_refresh(iterator);
	return err < 0 ? err : check_own_record(iterator);
}

int netns_iterator_open(struct netns_iterator **ret)
{
	struct netns_iterator *iterator = xcalloc(1, sizeof(*iterator));
	libbpf_print_fn_t before = libbpf_set_print(silent);
	int err = load(iterator);

	libbpf_set_print(before);
	if (err < 0) {
		netns_iterator_close(iterator);
		return err;
	}
	*ret = iterator;
	return 0;
}

void netns_iterator_close(struct netns_iterator *iterator)
{
	if (!iterator)
		return;
	if (iterator->link)
		bpf_link__destroy(iterator->link);
	netns__destroy(iterator->skeleton);
	buffer_free(&iterator->records);
	free(iterator);
}
