/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/record_flush.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "collector/cgroups.h"
#include "collector/memory.h"
#include "collector/probes/iterator.h"
#include "collector/source.h"

/* The generated skeleton is no code of ours: its style is not to be checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "bpf/flush_cgroups.skel.h"
#include "bpf/flush_states.skel.h"
#pragma GCC diagnostic pop

enum { CHARGE_BATCH = 64 }; /* MEMCG_CHARGE_BATCH, include/linux/memcontrol.h */

struct record_flush {
	struct flush_cgroups *all; /* one of these */
	struct flush_states *times;
	struct bpf_link *link;
};

int record_flush_open(int root_fd, bool all, struct record_flush **ret_flush)
{
	struct record_flush *flush = xcalloc(1, sizeof(*flush));
	const struct bpf_program *program = NULL;
	int err;

	if (all) {
		flush->all = flush_cgroups__open_and_load();
		if (flush->all)
			program = flush->all->progs.flush;
	} else {
		flush->times = flush_states__open_and_load();
		if (flush->times)
			program = flush->times->progs.flush;
	}
	err = program ? iterator_attach_cgroups(program, root_fd, false, &flush->link) : -errno;
	if (err < 0) {
		record_flush_close(flush);
		return err;
	}
	*ret_flush = flush;
	return 0;
}

void record_flush_close(struct record_flush *flush)
{
	if (!flush)
		return;
	bpf_link__destroy(flush->link);
	flush_cgroups__destroy(flush->all);
	flush_states__destroy(flush->times);
	free(flush);
}

/* Reading io.stat of a group adds up all below it, however little there is. */
static bool flush_io(struct hierarchy *hierarchy, struct group *group)
{
	unsigned file = hierarchy_file(hierarchy, "io.stat");
	const char *text;
	ssize_t length;

	/* That it was not there when it was last asked for says nothing of what is below now. */
	group->absent[file / 64] &= ~(UINT64_C(1) << (file % 64));
	length = group_read(hierarchy, group, file, &text);
	return length >= 0 || is_absent((int)length);
}

/* The file of the kernel's root has what the disks have counted, and adds up nothing. */
static bool flush_all_io(struct hierarchy *hierarchy)
{
	bool done = true;

	if (hierarchy_is_part(hierarchy))
		return flush_io(hierarchy, hierarchy->root);
	for (struct group *top = hierarchy->root->first_child; top; top = top->next_sibling)
		done &= flush_io(hierarchy, top);
	return done;
}

/*
 * memory.stat adds up all below its group when as much was counted there as the kernel lets pass, which is so many
 * batches; where it cannot be read, each group's record says that its own file is to be.
 */
static uint64_t flush_memory(struct hierarchy *hierarchy)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	const char *text;

	(void)group_read(hierarchy, hierarchy->root, hierarchy_file(hierarchy, "memory.stat"),
			 &text);
	return (uint64_t)(cpus < 1 ? 1 : cpus) * CHARGE_BATCH;
}

int record_flush_run(const struct record_flush *flush, struct hierarchy *hierarchy, bool *io,
		     uint64_t *ret_updates_max)
{
	if (*io && !flush->all)
		*io = flush_all_io(hierarchy);
	*ret_updates_max = flush->all ? UINT64_MAX : flush_memory(hierarchy);
	return iterator_run(bpf_link__fd(flush->link));
}
