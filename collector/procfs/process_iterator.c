/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/procfs/process_iterator.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "bpf/wire.h"
#include "collector/buffer.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/probes/iterator.h"

/* The generated skeleton is no code of ours: its style is not to be checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "bpf/processes.skel.h"
#pragma GCC diagnostic pop

struct process_iterator {
	struct processes *skeleton;
	struct bpf_link *link;
	struct buffer records; /* struct wire_process, ascending pid */
};

static int compare_records(const void *a, const void *b)
{
	const struct wire_process *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

const struct wire_process *process_iterator_records(const struct process_iterator *iterator,
						    size_t *ret_n)
{
	*ret_n = iterator->records.length / sizeof(struct wire_process);
	return (const void *)iterator->records.data;
}

static const struct wire_process *find_record(const struct process_iterator *iterator, int32_t pid)
{
	const struct wire_process key = { .pid = (uint32_t)pid };
	size_t n;
	const struct wire_process *records = process_iterator_records(iterator, &n);

	return n ? bsearch(&key, records, n, sizeof(key), compare_records) : NULL;
}

/* The kernel lists them by pid, but for those without one. */
static void sort_records(struct process_iterator *iterator)
{
	size_t n;
	struct wire_process *records = (void *)process_iterator_records(iterator, &n);

	for (size_t i = 1; i < n; i++)
		if (records[i - 1].pid > records[i].pid) {
			qsort(records, n, sizeof(*records), compare_records);
			return;
		}
}

int process_iterator_refresh(struct process_iterator *iterator)
{
	struct buffer *records = &iterator->records;
	int err = iterator_read(bpf_link__fd(iterator->link), SIZE_MAX, records);

	if (err < 0)
		return err;
	sort_records(iterator);
	return 0;
}

int process_iterator_netns(const struct process_iterator *iterator, int32_t pid,
			   uint64_t *ret_inode)
{
	const struct wire_process *record = find_record(iterator, pid);

	if (!record || !record->netns)
		return -ENOENT;
	*ret_inode = record->netns;
	return 0;
}

/* The iterator numbers processes as the first pid namespace does: in another one it is of no use. */
static int check_own_record(const struct process_iterator *iterator)
{
	char link[64];
	ssize_t n = readlink("/proc/self/ns/net", link, sizeof(link) - 1);
	const struct wire_process *own = find_record(iterator, getpid());

	if (n <= 0 || !own)
		return -EXDEV;
	link[n] = '\0';
	const char *bracket = strchr(link, '[');
	return bracket && strtoull(bracket + 1, NULL, 10) == own->netns ? 0 : -EXDEV;
}

static int load(struct process_iterator *iterator)
{
	iterator->skeleton = processes__open();
	if (!iterator->skeleton)
		return -errno;
	int err = processes__load(iterator->skeleton);
	if (err < 0)
		return err;
	err = iterator_attach(iterator->skeleton->progs.list_processes, NULL, &iterator->link);
	if (err < 0)
		return err;
	err = process_iterator_refresh(iterator);
	return err < 0 ? err : check_own_record(iterator);
}

int process_iterator_open(struct process_iterator **ret)
{
	struct process_iterator *iterator = xcalloc(1, sizeof(*iterator));
	/* libbpf's complaints would go to standard error; the caller has a reason of its own to give. */
	libbpf_print_fn_t before = libbpf_set_print(NULL);
	int err = load(iterator);

	libbpf_set_print(before);
	if (err < 0) {
		process_iterator_close(iterator);
		return err;
	}
	*ret = iterator;
	return 0;
}

void process_iterator_close(struct process_iterator *iterator)
{
	if (!iterator)
		return;
	if (iterator->link)
		bpf_link__destroy(iterator->link);
	processes__destroy(iterator->skeleton);
	buffer_free(&iterator->records);
	free(iterator);
}
