/* SPDX-License-Identifier: Apache-2.0 */
#include "exporters/api/processes.h"

#include <errno.h>

enum { PROCESSES_DEFAULT = 1000, PROCESSES_MAX = 10000 };

static json_t *describe_process(const struct process *process)
{
	const char state[] = { process->state, '\0' };
	double ticks = (double)sysconf(_SC_CLK_TCK);

	return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "pid", (int)process->pid, "comm",
			 json_text(process->comm), "state", json_text(state), "threads",
			 json_count(process->threads), "cpu_seconds",
			 json_number((double)process->cpu_ticks / ticks), "rss_bytes",
			 json_count(process->rss_bytes), "started",
			 json_time((int64_t)process->start_ms));
}

static void reply_failure(struct api_call *call, int err)
{
	if (err == -ENOENT || err == -ENODEV)
		http_reply_problem(call->reply, call->request, 404, "the cgroup is gone");
	else if (err == -EACCES || err == -EPERM)
		http_reply_problem(call->reply, call->request, 503,
				   "the daemon may not read these processes");
	else
		http_reply_problem(call->reply, call->request, 500, "reading processes: %s",
				   strerrordesc_np(-err));
}

void api_reply_processes(struct api_call *call, const char *id)
{
	static const char *const formats[] = { "list", "table" };
	const struct service *service = call->service;
	cleanup(process_list_free) struct process_list list = { 0 };
	uint64_t limit = PROCESSES_DEFAULT;
	size_t format = 0;

	if (!api_parameter_number(call, "limit", 1, PROCESSES_MAX, &limit) ||
	    !api_parameter_choice(call, "format", formats, ARRAY_SIZE(formats), &format))
		return;
	api_read(call);
	const struct workload *workload = api_workload(call, id);
	if (!workload)
		return;
	int err = service->processes(service->context, workload->id, limit, &list);
	if (err) {
		reply_failure(call, err);
		return;
	}
	json_t *items = json_array();
	for (size_t i = 0; i < list.n; i++)
		json_array_append_new(items, describe_process(&list.items[i]));
	if (format == 1)
		api_reply_json(call, items);
	else
		api_reply_json(call, json_pack("{s:o, s:o, s:o}", "workload", json_id(workload->id),
					       "items", items, "total", json_count(list.total)));
}
