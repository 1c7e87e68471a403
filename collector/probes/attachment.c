/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probes/attachment.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/probes/probe.h"
#include "collector/probes/ring.h"
#include "collector/probes/slots.h"

enum { COMPLAINT_MAX = 200 };

/* The variable's place in a data section, by the object's type information. */
static const struct btf_var_secinfo *find_variable(const struct btf *btf, const char *section,
						   const char *name)
{
	int id = btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, (unsigned)id);

	for (unsigned i = 0; type && i < btf_vlen(type); i++) {
		const struct btf_var_secinfo *info = btf_var_secinfos(type) + i;
		const struct btf_type *variable = btf__type_by_id(btf, info->type);

		if (streq(btf__name_by_offset(btf, variable->name_off), name))
			return info;
	}
	return NULL;
}

const void *object_constant(const struct bpf_object *object, const char *name)
{
	const struct btf_var_secinfo *info =
		find_variable(bpf_object__btf(object), ".rodata", name);
	const struct bpf_map *map;
	size_t room = 0;

	bpf_object__for_each_map(map, object)
	{
		const char *initial = strstr(bpf_map__name(map), ".rodata")
					      ? bpf_map__initial_value((struct bpf_map *)map, &room)
					      : NULL;

		if (initial && info && info->offset + info->size <= room)
			return initial + info->offset;
	}
	return NULL;
}

int object_set_constant(struct bpf_object *object, const char *name, const void *value, size_t size)
{
	const struct btf_var_secinfo *info =
		find_variable(bpf_object__btf(object), ".rodata", name);
	struct bpf_map *map;
	size_t room = 0;

	bpf_object__for_each_map(map, object)
	{
		if (!strstr(bpf_map__name(map), ".rodata"))
			continue;
		const void *initial = bpf_map__initial_value(map, &room);

		if (!initial || !info || info->size != size || info->offset + size > room)
			return -ENOENT;
		cleanup_free char *data = xmalloc(room);
		memcpy(data, initial, room);
		memcpy(data + info->offset, value, size);
		return bpf_map__set_initial_value(map, data, room);
	}
	return -ENOENT;
}

struct bpf_map *object_map(const struct bpf_object *object, const char *name)
{
	return bpf_object__find_map_by_name(object, name);
}

void *map_memory(const struct bpf_map *map, size_t *ret_size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t value = ((size_t)bpf_map__value_size(map) + 7) & ~(size_t)7;
	size_t size = (value * bpf_map__max_entries(map) + page - 1) & ~(page - 1);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (memory == MAP_FAILED)
		return NULL;
	*ret_size = size;
	return memory;
}

/*
 * What libbpf said last: the most telling line of a failure. The only variable of the program outside of a
 * function, as libbpf has one print function for the process and gives it no context. One thread loads,
 * one object at a time; attachment_load() empties it first and no one else reads it.
 */
static char complaint[COMPLAINT_MAX];

__attribute__((format(printf, 2, 0))) static int keep_complaint(enum libbpf_print_level level,
								const char *format, va_list args)
{
	char line[COMPLAINT_MAX];

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	if (!*complaint && *line)
		memcpy(complaint, line, sizeof(complaint));
	return 0;
}

static int borrowed_map(const struct probe_setup *setup, const char *name)
{
	const char *const *borrowed = setup->lender ? setup->borrowed : NULL;
	const struct bpf_map *map = NULL;

	for (; borrowed && *borrowed && !map; borrowed++)
		if (streq(*borrowed, name))
			map = object_map(probe_attachment(setup->lender)->object, name);
	return map ? bpf_map__fd(map) : -ENOENT;
}

static int share_maps(const struct probe_setup *setup, struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		const char *name = bpf_map__name(map);
		int fd = slots_map(setup->slots, name);

		if (fd < 0)
			fd = ring_map(setup->ring, name);
		if (fd < 0)
			fd = borrowed_map(setup, name);
		int err = 0;

		if (fd >= 0)
			err = bpf_map__reuse_fd(map, fd);
		else if (streq(name, "cpus"))
			err = bpf_map__set_max_entries(map, setup->n_cpus);
		if (err < 0)
			return err;
	}
	return 0;
}

static int attach_program(struct attachment *attachment, struct bpf_program *program,
			  unsigned number, const char **ret_reason, char **ret_failure)
{
	unsigned i = attachment->n_programs;

	/* Iterators run when they are read, and are attached by who reads them: iterator.h. */
	if (!bpf_program__autoload(program) ||
	    bpf_program__expected_attach_type(program) == BPF_TRACE_ITER)
		return 0;
	if (i == ATTACHMENT_PROGRAMS_MAX)
		return -E2BIG;
	if (bpf_program__autoattach(program))
		attachment->links[i] = bpf_program__attach(program);
	if (bpf_program__autoattach(program) && !attachment->links[i]) {
		int err = -errno;

		*ret_reason = *ret_failure = xasprintf(
			"cannot attach %s: %s", bpf_program__section_name(program), strerror(-err));
		return err;
	}
	attachment->programs[i] = program;
	attachment->numbers[i] = number;
	attachment->n_programs++;
	return 0;
}

int attachment_attach(struct attachment *attachment, const char **ret_reason, char **ret_failure)
{
	libbpf_print_fn_t before = libbpf_set_print(keep_complaint);
	struct bpf_program *program;
	unsigned number = 0;
	int err = 0;

	bpf_object__for_each_program(program, attachment->object)
	{
		err = attach_program(attachment, program, number++, ret_reason, ret_failure);
		if (err < 0)
			break;
	}
	libbpf_set_print(before);
	return err;
}

int attachment_switch(struct attachment *attachment, const struct bpf_program *program, bool on)
{
	unsigned i = 0;

	while (i < attachment->n_programs && attachment->programs[i] != program)
		i++;
	if (i == attachment->n_programs)
		return -ENOENT;
	if (on && !attachment->links[i]) {
		attachment->links[i] = bpf_program__attach(program);
		return attachment->links[i] ? 0 : -errno;
	}
	if (!on) {
		bpf_link__destroy(attachment->links[i]);
		attachment->links[i] = NULL;
	}
	return 0;
}

static int load(const struct probe_setup *setup, struct bpf_object *object, const char **ret_reason,
		char **ret_failure)
{
	int err = share_maps(setup, object);

	if (err == 0)
		err = bpf_object__load(object);
	if (err == -EPERM || err == -EACCES)
		*ret_reason = "not permitted to load programs into the kernel (CAP_BPF and "
			      "CAP_PERFMON are needed)";
	else if (err < 0)
		*ret_reason = *ret_failure =
			xasprintf("the kernel refuses the programs: %s (%s)", strerror(-err),
				  *complaint ? complaint : "libbpf tells no more");
	return err;
}

/* The kernel accounts what a map takes in the fdinfo of its descriptor; bpf_map_info does not tell. */
uint64_t map_bytes(int fd)
{
	cleanup_free char *path = xasprintf("/proc/self/fdinfo/%d", fd);
	cleanup_file FILE *file = fopen(path, "re");
	char line[128];
	uint64_t bytes = 0;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %" SCNu64, &bytes) == 1)
			break;
	return bytes;
}

static uint64_t maps_memory(const struct probe_setup *setup, const struct bpf_object *object)
{
	const struct bpf_map *map;
	uint64_t bytes = 0;

	bpf_object__for_each_map(map, object)
	{
		const char *name = bpf_map__name(map);

		if (!slots_shares(name) && !ring_shares(name) && borrowed_map(setup, name) < 0)
			bytes += map_bytes(bpf_map__fd(map));
	}
	return bytes;
}

int attachment_load(const struct probe_setup *setup, struct bpf_object *object,
		    struct attachment **ret, const char **ret_reason, char **ret_failure)
{
	struct attachment *attachment = xcalloc(1, sizeof(*attachment));
	libbpf_print_fn_t before = libbpf_set_print(keep_complaint);
	const struct bpf_map *map = object_map(object, "cpus");

	*complaint = '\0';
	attachment->object = object;
	attachment->n_cpus = setup->n_cpus;
	int err = load(setup, object, ret_reason, ret_failure);
	if (err == 0 && map) {
		attachment->cpus = map_memory(map, &attachment->cpus_size);
		err = attachment->cpus ? 0 : -errno;
	}
	if (err == 0)
		attachment->memory = maps_memory(setup, object);
	libbpf_set_print(before);
	if (err < 0) {
		attachment_close(attachment);
		return err;
	}
	*ret = attachment;
	return 0;
}

void attachment_close(struct attachment *attachment)
{
	if (!attachment)
		return;
	for (unsigned i = 0; i < attachment->n_programs; i++)
		bpf_link__destroy(attachment->links[i]);
	if (attachment->cpus)
		munmap(attachment->cpus, attachment->cpus_size);
	free(attachment);
}

uint64_t attachment_runs(const struct attachment *attachment, unsigned number)
{
	uint64_t runs = 0;

	for (unsigned i = 0; attachment->cpus && i < attachment->n_cpus; i++)
		runs += __atomic_load_n(&attachment->cpus[i].runs[number], __ATOMIC_RELAXED);
	return runs;
}

uint64_t attachment_missed(const struct attachment *attachment)
{
	uint64_t missed = 0;

	for (unsigned i = 0; i < attachment->n_programs; i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof(info);
		int fd = bpf_program__fd(attachment->programs[i]);

		if (bpf_obj_get_info_by_fd(fd, &info, &size) == 0)
			missed += info.recursion_misses;
	}
	return missed;
}
