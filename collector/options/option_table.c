/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/options/option_rows.h"

#include <stdlib.h>
#include <string.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/source.h"

struct option_table option_table_new(void)
{
	size_t n = n_option_rows;
	struct option_table table = {
		.rows = xcalloc(n + n_sources, sizeof(*table.rows)),
		.n = n + n_sources,
		.names = xcalloc(n_sources, sizeof(*table.names)),
	};

	memcpy(table.rows, option_rows, n * sizeof(*option_rows));
	for (size_t i = 0; i < n_sources; i++) {
		table.names[i] = xasprintf("collector.%s", sources[i]->name);
		table.rows[n + i] = (struct option_row){
			.name = table.names[i],
			.help = sources[i]->help,
			.value = sources[i]->optional ? NULL : "",
			.group = option_group_sources,
			.type = OPTION_SOURCE,
			.offset = i,
		};
	}
	return table;
}

void option_table_free(struct option_table *table)
{
	for (size_t i = 0; table->names && i < n_sources; i++)
		free(table->names[i]);
	free(table->names);
	free(table->rows);
	*table = (struct option_table){ 0 };
}

const struct option_row *option_find(const struct option_table *table, const char *name)
{
	for (size_t i = 0; i < table->n; i++)
		if (streq(table->rows[i].name, name))
			return &table->rows[i];
	return NULL;
}
