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
#include <unistd.h>

#include "collector/buffer.h"
#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/record_layout.h"
#include "collector/probes/attachment.h"
#include "collector/probes/iterator.h"

/* The generated skeleton is no code of ours: its style is not to be checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "bpf/flush_cgroups.skel.h"
#include "bpf/flush_states.skel.h"
#include "bpf/records.skel.h"
#pragma GCC diagnostic pop

enum { TEXT_MAX = 16 * 1024 };

struct record_pass {
	struct record_layout layout;
	enum { IO_UNKNOWN, IO_ASK, IO_KNOWN } io; /* whether records stand for io.stat */
	int cost_fd;   /* with IO_ASK: io.cost.qos, which says whether there are costs in io.stat */
	int memory_fd; /* memory.stat of the topmost group, where only reading it adds up; -1: none */
	struct records *skeleton;
	struct bpf_link *link;
	struct flush_cgroups *flush_cgroups; /* one of these */
	struct flush_states *flush_states;
	struct bpf_link *flush_link;
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

static void prepare_stalls(const struct btf *kernel, struct records *skeleton)
{
	static const char *const names[] = { "PSI_IO_SOME",  "PSI_IO_FULL",  "PSI_MEM_SOME",
					     "PSI_MEM_FULL", "PSI_CPU_SOME", "PSI_CPU_FULL" };
	int n = libbpf_num_possible_cpus();
	uint32_t irq;

	if (n > 0 && n <= RECORD_CPUS_MAX && are_numbered(kernel, names, ARRAY_SIZE(names)))
		skeleton->rodata->n_cpus = (uint32_t)n;
	skeleton->rodata->has_irq_stalls =
		find_enumerator(kernel, "PSI_IRQ_FULL", &irq) == 0 && irq == ARRAY_SIZE(names);
}

static bool has_function(const struct btf *kernel, const char *name)
{
	return btf__find_by_name_kind(kernel, name, BTF_KIND_FUNC) > 0;
}

/*
 * What memory.stat of the topmost group says: of which states there are lines. It is kept open where no program may
 * add up what the CPUs have counted of memory (since Linux 6.16, a97915559f5c).
 */
static void prepare_memory_stat(const struct btf *kernel, struct record_pass *pass, int root_fd,
				bool old)
{
	cleanup_close int fd = openat(root_fd, "memory.stat", O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = xcalloc(1, TEXT_MAX);
	ssize_t n = fd < 0 ? -1 : pread(fd, text, TEXT_MAX - 1, 0);

	record_layout_find(kernel, n > 0 ? text : NULL, &pass->layout);
	pass->skeleton->rodata->n_states = pass->layout.n_states;
	pass->skeleton->rodata->n_counts = pass->layout.n_counts;
	if (old || !pass->layout.n_states)
		return;
	pass->memory_fd = fd;
	fd = -1;
}

/*
 * No program may add up what CPUs have counted of I/O since Linux 6.16, either, and the file of the root does not. The cost
 * model's numbers, which the file has while that is used for a device, are not in records.
 */
static void prepare_io(const struct btf *kernel, struct record_pass *pass, int root_fd, bool old)
{
	if (!old)
		return;
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
static int prepare(struct record_pass *pass, int root_fd, bool *ret_old, const char **ret_reason)
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
	*ret_old = has_function(kernel, "cgroup_rstat_flush");
	known &= has_function(kernel, "bpf_iter_cgroup");
	prepare_memory_stat(kernel, pass, root_fd, *ret_old);
	prepare_io(kernel, pass, root_fd, *ret_old);
	prepare_stalls(kernel, skeleton);
	btf__free(kernel);
	if (!known)
		*ret_reason = "the kernel has no iterator of cgroups (Linux 6.1 and later)";
	return known ? 0 : -EOPNOTSUPP;
}

static int attach(const struct bpf_program *program, int root_fd, enum bpf_cgroup_iter_order order,
		  struct bpf_link **ret_link)
{
	union bpf_iter_link_info info = {
		.cgroup = { .cgroup_fd = (uint32_t)root_fd, .order = order },
	};
	DECLARE_LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info,
			    .link_info_len = sizeof(info));

	*ret_link = bpf_program__attach_iter(program, &options);
	return *ret_link ? 0 : -errno;
}

static int load_flush(struct record_pass *pass, int root_fd, bool old)
{
	const struct bpf_program *program = NULL;

	if (old) {
		pass->flush_cgroups = flush_cgroups__open_and_load();
		if (pass->flush_cgroups)
			program = pass->flush_cgroups->progs.flush;
	} else {
		pass->flush_states = flush_states__open_and_load();
		if (pass->flush_states)
			program = pass->flush_states->progs.flush;
	}
	if (!program)
		return -errno;
	return attach(program, root_fd, BPF_CGROUP_ITER_SELF_ONLY, &pass->flush_link);
}

static int load(struct record_pass *pass, int root_fd, unsigned room, const char **ret_reason)
{
	bool old;
	int err;

	pass->skeleton = records__open();
	if (!pass->skeleton)
		return -errno;
	err = prepare(pass, root_fd, &old, ret_reason);
	if (err == 0)
		err = bpf_map__set_max_entries(pass->skeleton->maps.records, room);
	if (err == 0) {
		err = records__load(pass->skeleton);
		*ret_reason = err < 0 ? "the kernel refuses the program that reads cgroups" : NULL;
	}
	if (err == 0)
		err = attach(pass->skeleton->progs.read_cgroups, root_fd,
			     BPF_CGROUP_ITER_DESCENDANTS_PRE, &pass->link);
	if (err == 0) {
		err = load_flush(pass, root_fd, old);
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

	pass->memory_fd = pass->cost_fd = -1;
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
	if (pass->memory_fd >= 0)
		close(pass->memory_fd);
	if (pass->cost_fd >= 0)
		close(pass->cost_fd);
	bpf_link__destroy(pass->link);
	bpf_link__destroy(pass->flush_link);
	records__destroy(pass->skeleton);
	flush_cgroups__destroy(pass->flush_cgroups);
	flush_states__destroy(pass->flush_states);
	free(pass);
}

/* Runs a program over all that it is attached to; it prints nothing. */
static int run(const struct bpf_link *link)
{
	cleanup(buffer_free) struct buffer nothing = { 0 };

	return iterator_read(bpf_link__fd(link), SIZE_MAX, &nothing);
}

/*
 * Adds up what CPUs have counted. Reading the file of the topmost group does it for all below, when there is as much
 * as would make their own files do it.
 */
static int flush(struct record_pass *pass)
{
	char text[TEXT_MAX];

	if (pass->memory_fd >= 0 && pread(pass->memory_fd, text, sizeof(text), 0) < 0)
		return -errno;
	return run(pass->flush_link);
}

int record_pass_run(struct record_pass *pass, const struct wire_record **ret_records,
		    unsigned *ret_n)
{
	int err = flush(pass);

	pass->skeleton->bss->n_records = 0;
	pass->skeleton->bss->n_lost = 0;
	pass->skeleton->bss->io_known = is_io_known(pass);
	if (err == 0)
		err = run(pass->link);
	if (err < 0)
		return err;
	*ret_records = pass->mapped;
	*ret_n = pass->skeleton->bss->n_records;
	return pass->skeleton->bss->n_lost ? -ENOSPC : 0;
}

const struct record_layout *record_pass_layout(const struct record_pass *pass)
{
	return &pass->layout;
}

size_t record_pass_memory(const struct record_pass *pass)
{
	return pass ? pass->size : 0;
}
