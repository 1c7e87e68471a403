/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's life and its loop over workloads. Formats are in sources/cgroup_parse.c. */
#include "collector/sources/cgroup_engine.h"

#include <errno.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/options.h"

enum { NO_LIMIT_MARK = 0xff };

static void free_file(struct rows_file *file)
{
	for (unsigned i = 0; i < file->n_cells; i++)
		free(file->cells[i].targets);
	free(file->cells);
	free(file->lines);
	free(file->line_slots);
	free(file->field_slots);
}

void rows_close(void *state)
{
	struct rows *rows = state;

	if (!rows)
		return;
	rows_free_words(rows);
	for (unsigned i = 0; i < rows->n_files; i++)
		free_file(&rows->files[i]);
	for (unsigned i = 0; i < rows->n_bound; i++)
		free(rows->bound[i].limits);
	for (unsigned i = 0; i < rows->n_strings; i++)
		free(rows->strings[i]);
	free(rows->files);
	free(rows->shapes);
	free(rows->bound);
	free(rows->strings);
	free(rows->variants);
	free(rows->path_sysfs);
	free(rows);
}

int rows_open(const struct rows_table *table, const struct options *options, void **ret_state)
{
	struct rows *rows = xcalloc(1, sizeof(*rows));

	rows->table = *table;
	rows->sentinels = options->compat_cadvisor_sentinels;
	rows->path_sysfs = xstrdup(options->path_sysfs);
	rows->variants = xcalloc(table->n_variants + 1, sizeof(*rows->variants));
	if (table->n_variants)
		memcpy(rows->variants, table->variants,
		       table->n_variants * sizeof(*rows->variants));
	rows_compile(rows, options);
	if (!rows->n_files) {
		rows_close(rows);
		return -ECANCELED;
	}
	*ret_state = rows;
	return 0;
}

int rows_read_text(struct rows *rows, struct group *group, struct rows_file *file)
{
	const char *text;
	ssize_t length = group_read(rows->collection->hierarchy, group, file->number, &text);

	if (length < 0)
		return (int)length;
	rows_begin_reading(rows, group, false);
	rows_parse(rows, file, text, (size_t)length);
	return rows->malformed ? -EBADMSG : 0;
}

/* The one place that gets numbers from the kernel. */
static int read_file(struct rows *rows, struct group *group, struct rows_file *file)
{
	int err = rows_read_record(rows, group, file);

	return err == -EAGAIN ? rows_read_text(rows, group, file) : err;
}

static struct rows_number number_of(const struct rows *rows, struct rows_cell_id id)
{
	const struct rows_cell *cell;

	if (id.file >= 0) {
		cell = &rows->files[id.file].cells[id.cell];
		if (cell->stamp > rows->group_stamp)
			return cell->number;
	}
	return (struct rows_number){ NUMBER_ABSENT, 0 };
}

static bool derive(const struct rows *rows, const struct rows_bound *bound,
		   const struct group *group, uint64_t *ret_value)
{
	struct rows_input input = {
		.is_root = !group->parent,
		.sentinels = rows->sentinels,
		.machine_memory_bytes = rows->machine_memory_bytes,
		.machine_swap_bytes = rows->machine_swap_bytes,
	};

	for (unsigned i = 0; i <= ROWS_NEEDS_MAX; i++)
		input.numbers[i] = number_of(rows, bound->numbers[i]);
	return bound->derived->value(&input, ret_value);
}

/* A group's own limit under its parent's. */
static uint64_t tighten(const struct rows *rows, const struct rows_bound *bound,
			const struct group *group)
{
	uint64_t limit;

	if (derive(rows, bound, group, &limit) && limit < bound->parent_limit)
		return limit;
	return bound->parent_limit;
}

/* Limits of an ancestor that is not exported itself; `group` is below the last one that is. */
static void add_hidden_limits(struct rows *rows, struct group *group)
{
	rows->group_stamp = ++rows->stamp;
	rows->workload = NULL;
	for (unsigned i = 0; i < rows->n_files; i++)
		if (rows->files[i].for_limits)
			(void)read_file(rows, group,
					&rows->files[i]); /* unreadable: no limit known */
	for (unsigned i = 0; i < rows->n_bound; i++)
		if (rows->bound[i].limits)
			rows->bound[i].parent_limit = tighten(rows, &rows->bound[i], group);
}

/* Sets parent_limit of all tightest rows for a group: its parents were met before it. */
static void find_parent_limits(struct rows *rows, const struct group *group)
{
	struct group *parent = group->parent, *exported = parent;

	if (parent && parent == rows->last_parent)
		return; /* siblings follow each other */
	while (exported && !exported->workload)
		exported = exported->parent;
	for (unsigned i = 0; i < rows->n_bound; i++) {
		struct rows_bound *bound = &rows->bound[i];

		if (bound->limits)
			bound->parent_limit =
				exported ? bound->limits[exported->workload->index] : UINT64_MAX;
	}
	rows->last_parent = parent;
	while (parent != exported) { /* from the highest down */
		struct group *next = parent;

		while (next->parent != exported)
			next = next->parent;
		add_hidden_limits(rows, next);
		exported = next;
	}
}

static void add_derived(struct rows *rows, struct rows_bound *bound, const struct group *group)
{
	struct family *family = &rows->families[bound->row];
	uint64_t value;

	if (bound->limits) {
		value = tighten(rows, bound, group);
		bound->limits[rows->workload->index] = value;
		if (value == UINT64_MAX)
			return;
	} else if (!derive(rows, bound, group, &value)) {
		return;
	}
	family_add_integer(rows->collection->snapshot, family, rows->workload, NULL, value);
}

/* Which file of which group could not be read, for the log and the API. */
static void tell_place(const struct rows *rows, const struct rows_file *file)
{
	struct collection *collection = rows->collection;

	if (collection->place)
		return;
	cleanup_free char *place = xasprintf("%s of %s", file->name, rows->workload->path);
	collection->place = arena_strdup(&collection->snapshot->arena, place);
}

/* 0, or the first error that does not mean "no data". */
static int collect_group(struct rows *rows, struct group *group)
{
	struct group *from = group->delegate ? group->delegate : group;
	int err = 0;

	if (rows->limits_size)
		find_parent_limits(rows, group);
	if (group->delegate) {
		if (rows->limits_size)
			add_hidden_limits(rows, group);
		rows->last_parent = NULL; /* what its parent said is no longer known */
	}
	rows->group_stamp = ++rows->stamp;
	rows->workload = group->workload;
	for (unsigned i = 0; i < rows->n_files; i++) {
		int one = read_file(rows, from, &rows->files[i]);
		/* What the inner group has not, or no longer, the outer one still tells. */
		if (one == -ENOENT && from != group)
			one = read_file(rows, group, &rows->files[i]);

		if (!one || err || is_absent(one))
			continue;
		err = one;
		tell_place(rows, &rows->files[i]);
	}
	for (unsigned i = 0; i < rows->n_bound; i++)
		add_derived(rows, &rows->bound[i], group);
	return err;
}

/* What limits "/". */
static void read_machine(struct rows *rows)
{
	const struct meminfo *meminfo;

	rows->machine_memory_bytes = rows->machine_swap_bytes = 0;
	if (meminfo_get(rows->collection, &meminfo) < 0)
		return; /* the machine's source tells of it */
	rows->machine_memory_bytes = meminfo->memory_bytes;
	rows->machine_swap_bytes = meminfo->swap_bytes;
}

static void begin(struct rows *rows, struct collection *collection, struct family families[])
{
	uint32_t n = collection->snapshot->n_workloads;

	rows->collection = collection;
	rows->detail = collection->snapshot->detail;
	rows->families = families;
	rows->last_parent = NULL;
	rows->reading = (struct rows_reading){ 0 }; /* what was told may be forgotten by now */
	for (unsigned i = 0; i < rows->n_files; i++)
		rows->files[i].number = hierarchy_file(collection->hierarchy, rows->files[i].name);
	for (unsigned i = 0; i < rows->n_bound; i++) {
		struct rows_bound *bound = &rows->bound[i];

		if (!bound->derived->tightest)
			continue;
		bound->limits = xreallocarray(bound->limits, n ? n : 1, sizeof(*bound->limits));
		memset(bound->limits, NO_LIMIT_MARK, n * sizeof(*bound->limits));
		rows->limits_size = n;
	}
	rows_begin_labels(rows);
	if (rows->table.needs_machine)
		read_machine(rows);
}

int rows_collect(void *state, struct collection *collection, struct family families[])
{
	struct rows *rows = state;
	unsigned n = 0;
	int err = 0;

	begin(rows, collection, families);
	for_each_group(group, collection->hierarchy) {
		int one;

		if (!group->workload)
			continue;
		if (n++ % COLLECTION_STRIDE == 0 && collection_expired(collection))
			return -ETIME;
		one = collect_group(rows, group);
		if (one && !err)
			err = one;
	}
	if (!err && rows->words_full) {
		collection->reason = "more devices or resources than are kept";
		err = -ENOBUFS;
	}
	return err;
}
