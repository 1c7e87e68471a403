/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/record_pass.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/record_flush.h"
#include "collector/record_layout.h"
#include "collector/probes/attachment.h"
#include "collector/probes/iterator.h"

/* The generated skeleton is no code of ours: its style is not to be checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "bpf/records.skel.h"
#pragma GCC diagnostic pop

enum { TEXT_MAX = 16 * 1024 };

struct record_pass {
	struct record_layout layout;
	enum { IO_UNKNOWN, IO_ASK, IO_KNOWN } io; /* whether records stand for io.stat */
	int cost_fd; /* with IO_ASK: io.cost.qos, which says whether there are costs in io.stat */
	bool has_memory, has_io; /* cgroup2 has these controllers */
	bool io_is_known;	 /* by the last pass */
	struct records *skeleton;
	struct bpf_link *link;
	struct record_flush *flush;
	struct wire_record *mapped;
	size_t size;
};

/* The value of an enumerator of any enumeration: the kernel leaves many of them without a name. */
static int find_enumerator(const struct btf *kernel, const char *name, uint32_t *ret_value)
{
	unsigned n = btf__type_cnt(kernel);

	for (unsigned id = 1; id < n; id++) {
		const struct btf_type *type = btf__type_by_id(kernel, id);

		if (!btf_is_enum(type))
			continue;
		for (unsigned i = 0; i < btf_vlen(type); i++) {
			const struct btf_enum *one = btf_enum(type) + i;

			if (!streq(btf__name_by_offset(kernel, one->name_off), name))
				continue;
			*ret_value = (uint32_t)one->val;
			return 0;
		}
	}
	return -ENOENT;
}

/* Whether the kernel numbers these as we do, from 0. */
static bool are_numbered(const struct btf *kernel, const char *const names[], uint32_t n)
{
	uint32_t value;

	for (uint32_t i = 0; i < n; i++)
		if (find_enumerator(kernel, names[i], &value) < 0 || value != i)
			return false;
	return true;
}

static bool are_events_known(const struct btf *kernel)
{
	static const char *const names[N_RECORD_EVENTS] = {
		[RECORD_LOW] = "MEMCG_LOW",
		[RECORD_HIGH] = "MEMCG_HIGH",
		[RECORD_MAX] = "MEMCG_MAX",
		[RECORD_OOM] = "MEMCG_OOM",
		[RECORD_OOM_KILL] = "MEMCG_OOM_KILL",
		[RECORD_OOM_GROUP_KILL] = "MEMCG_OOM_GROUP_KILL",
		[RECORD_SWAP_HIGH] = "MEMCG_SWAP_HIGH",
		[RECORD_SWAP_MAX] = "MEMCG_SWAP_MAX",
		[RECORD_SWAP_FAIL] = "MEMCG_SWAP_FAIL",
	};

	return are_numbered(kernel, names, N_RECORD_EVENTS);
}

/* As nsecs_to_jiffies(), kernel/time/time.c. What the coarse clock is good for is a tick (CONFIG_HZ). */
static void prepare_ticks(struct records *skeleton)
{
	const uint64_t second = 1000000000;
	struct timespec tick;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) < 0 || tick.tv_sec || tick.tv_nsec <= 0)
		return;
	uint64_t hz = (second + (uint64_t)tick.tv_nsec / 2) / (uint64_t)tick.tv_nsec;

	if (hz % 512 == 0)
		return; /* it reckons otherwise there */
	skeleton->rodata->tick_factor = second % hz ? 9 : 1;
	skeleton->rodata->tick_divisor = second % hz ? (9 * second + hz / 2) / hz : second / hz;
}

static void prepare_stalls(const struct btf *kernel, struct records *skeleton)
{
	static const char *const names[] = { "PSI_IO_SOME",  "PSI_IO_FULL",  "PSI_MEM_SOME",
					     "PSI_MEM_FULL", "PSI_CPU_SOME", "PSI_CPU_FULL" };
	int n = libbpf_num_possible_cpus();
	uint32_t irq, busy;
	bool has_irq =
		find_enumerator(kernel, "PSI_IRQ_FULL", &irq) == 0 && irq == ARRAY_SIZE(names);

	if (n > 0 && n <= RECORD_CPUS_MAX && are_numbered(kernel, names, ARRAY_SIZE(names)))
		skeleton->rodata->n_cpus = (uint32_t)n;
	skeleton->rodata->has_irq_stalls = has_irq;
	if (find_enumerator(kernel, "PSI_NONIDLE", &busy) == 0 &&
	    busy == ARRAY_SIZE(names) + has_irq)
		prepare_ticks(skeleton);
}

/* What failed forks are counted as, since Linux 6.11 (73e75e6fc352); before that there is one number alone. */
static void prepare_pids(const struct btf *kernel, struct records *skeleton)
{
	static const char *const names[] = { "PIDCG_MAX", "PIDCG_FORKFAIL" };
	uint32_t flag = 0;

	skeleton->rodata->pids_events_known =
		are_numbered(kernel, names, ARRAY_SIZE(names)) &&
		find_enumerator(kernel, "CGRP_ROOT_PIDS_LOCAL_EVENTS", &flag) == 0;
	skeleton->rodata->local_events_flag = flag;
}

static bool has_function(const struct btf *kernel, const char *name)
{
	return btf__find_by_name_kind(kernel, name, BTF_KIND_FUNC) > 0;
}

/* What memory.stat of the topmost group says: of which states there are lines. */
static void prepare_memory_stat(const struct btf *kernel, struct record_pass *pass, int root_fd)
{
	cleanup_close int fd = openat(root_fd, "memory.stat", O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = xcalloc(1, TEXT_MAX);
	ssize_t n = fd < 0 ? -1 : pread(fd, text, TEXT_MAX - 1, 0);

	pass->has_memory = n > 0;
	record_layout_find(kernel, n > 0 ? text : NULL, &pass->layout);
	pass->skeleton->rodata->n_states = pass->layout.n_states;
	pass->skeleton->rodata->n_counts = pass->layout.n_counts;
}

/* The cost model's numbers, which io.stat has while that is used for a device, are not in records. */
static void prepare_io(const struct btf *kernel, struct record_pass *pass, int root_fd)
{
	uint32_t weight_one;

	if (find_enumerator(kernel, "WEIGHT_ONE", &weight_one) == 0)
		pass->skeleton->rodata->weight_one = weight_one;
	pass->has_io = faccessat(root_fd, "io.stat", R_OK, 0) == 0;
	pass->io = IO_KNOWN;
	if (btf__find_by_name_kind(kernel, "ioc_gq", BTF_KIND_STRUCT) < 0)
		return;
	pass->cost_fd = openat(root_fd, "io.cost.qos", O_RDONLY | O_CLOEXEC);
	pass->io = pass->cost_fd < 0 ? IO_UNKNOWN : IO_ASK;
}

static bool is_io_known(const struct record_pass *pass)
{
	char text[TEXT_MAX];
	ssize_t n;

	if (pass->io != IO_ASK)
		return pass->io == IO_KNOWN;
	n = pread(pass->cost_fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return false;
	text[n] = '\0';
	return !strstr(text, "enable=1");
}

/* Everything that depends on the kernel and that CO-RE does not find by itself. */
static int prepare(struct record_pass *pass, int root_fd, bool *ret_flush_all,
		   const char **ret_reason)
{
	struct btf *kernel = btf__load_vmlinux_btf();
	struct records *skeleton = pass->skeleton;
	uint32_t visible = 0, frozen = 0;

	if (!kernel) {
		*ret_reason = "the kernel has no type information (BTF)";
		return -ENOENT;
	}
	bool known = find_enumerator(kernel, "CSS_VISIBLE", &visible) == 0 &&
		     find_enumerator(kernel, "CGRP_FROZEN", &frozen) == 0;
	skeleton->rodata->visible_flag = visible;
	skeleton->rodata->frozen_bit = frozen;
	skeleton->rodata->events_known = are_events_known(kernel);
	*ret_flush_all = has_function(kernel, "cgroup_rstat_flush");
	known &= has_function(kernel, "bpf_iter_cgroup");
	prepare_pids(kernel, skeleton);
	prepare_memory_stat(kernel, pass, root_fd);
	prepare_io(kernel, pass, root_fd);
	prepare_stalls(kernel, skeleton);
	btf__free(kernel);
	if (!known)
		*ret_reason = "the kernel has no iterator of cgroups (Linux 6.1 and later)";
	return known ? 0 : -EOPNOTSUPP;
}

static int load(struct record_pass *pass, int root_fd, unsigned room, const char **ret_reason)
{
	bool flush_all;
	int err;

	pass->skeleton = records__open();
	if (!pass->skeleton)
		return -errno;
	err = prepare(pass, root_fd, &flush_all, ret_reason);
	if (err == 0)
		err = bpf_map__set_max_entries(pass->skeleton->maps.records, room);
	if (err == 0) {
		err = records__load(pass->skeleton);
		*ret_reason = err < 0 ? "the kernel refuses the program that reads cgroups" : NULL;
	}
	if (err == 0)
		err = iterator_attach_cgroups(pass->skeleton->progs.read_cgroups, root_fd, true,
					      &pass->link);
	if (err == 0) {
		err = record_flush_open(root_fd, flush_all, &pass->flush);
		*ret_reason =
			err < 0 ? "the kernel refuses the program that adds up CPU times" : NULL;
	}
	if (err < 0)
		return err;
	pass->mapped = map_memory(pass->skeleton->maps.records, &pass->size);
	return pass->mapped ? 0 : -errno;
}

int record_pass_open(int root_fd, unsigned room, struct record_pass **ret_pass,
		     const char **ret_reason)
{
	struct record_pass *pass = xcalloc(1, sizeof(*pass));

	pass->cost_fd = -1;
	*ret_reason = hierarchy_is_of_kernel(root_fd)
			      ? NULL
			      : "what is read is not cgroup2 of this kernel";
	if (*ret_reason) {
		record_pass_close(pass);
		return -EOPNOTSUPP;
	}
	/* libbpf's complaints would go to standard error; the caller has a reason of its own to give. */
	libbpf_print_fn_t before = libbpf_set_print(NULL);
	int err = load(pass, root_fd, room, ret_reason);
	libbpf_set_print(before);
	if (err == -EPERM)
		*ret_reason = "programs in the kernel need CAP_BPF and CAP_PERFMON";
	if (err < 0) {
		record_pass_close(pass);
		return err;
	}
	*ret_pass = pass;
	return 0;
}

void record_pass_close(struct record_pass *pass)
{
	if (!pass)
		return;
	if (pass->mapped)
		munmap(pass->mapped, pass->size);
	if (pass->cost_fd >= 0)
		close(pass->cost_fd);
	bpf_link__destroy(pass->link);
	record_flush_close(pass->flush);
	records__destroy(pass->skeleton);
	free(pass);
}

int record_pass_run(struct record_pass *pass, struct hierarchy *hierarchy,
		    const struct wire_record **ret_records, unsigned *ret_n)
{
	struct records__bss *bss = pass->skeleton->bss;
	uint64_t updates_max;
	bool io = pass->io_is_known = is_io_known(pass);
	int err = record_flush_run(pass->flush, hierarchy, &io, &updates_max);

	if (err < 0)
		return err;
	bss->n_records = 0;
	bss->n_lost = 0;
	bss->io_known = io;
	bss->updates_max = updates_max;
	err = iterator_run(bpf_link__fd(pass->link));
	if (err < 0)
		return err;
	*ret_records = pass->mapped;
	*ret_n = bss->n_records;
	return bss->n_lost ? -ENOSPC : 0;
}

const char *record_pass_left(const struct record_pass *pass)
{
	if (pass->has_memory && !pass->layout.n_states)
		return "memory.stat stays with files: which of the kernel's numbers is which is "
		       "not known";
	if (pass->has_io && pass->io == IO_UNKNOWN)
		return "io.stat stays with files: whether a device has the cost model of I/O "
		       "cannot be asked";
	if (pass->has_io && !pass->io_is_known)
		return "io.stat stays with files: a device has the cost model of I/O";
	if (pass->has_io && !pass->skeleton->bss->io_known)
		return "io.stat stays with files: that of a topmost group cannot be read";
	if (!pass->skeleton->bss->stalls_known)
		return "pressure stays with files: the kernel keeps it in a way that is not known";
	return NULL;
}

const struct record_layout *record_pass_layout(const struct record_pass *pass)
{
	return &pass->layout;
}

size_t record_pass_memory(const struct record_pass *pass)
{
	return pass ? pass->size : 0;
}
