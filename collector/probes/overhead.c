/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probes/overhead.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/clock.h"
#include "collector/memory.h"

static const uint64_t second_ns = UINT64_C(1000) * 1000 * 1000;
static const uint64_t window_every_ns = UINT64_C(60) * 1000 * 1000 * 1000;

/* Fewer runs tell more of the caches than of the program. */
enum { RUNS_MIN = 10 };

static const double step_up_below = 0.75;

struct overhead *overhead_new(unsigned n, unsigned n_cpus)
{
	struct overhead *overhead = xcalloc(1, sizeof(*overhead));

	overhead->loads = xcalloc(n, sizeof(*overhead->loads));
	overhead->n = n;
	overhead->n_cpus = n_cpus;
	overhead->window_fd = -1;
	return overhead;
}

void overhead_free(struct overhead *overhead)
{
	if (!overhead)
		return;
	if (overhead->window_fd >= 0)
		close(overhead->window_fd);
	free(overhead->loads);
	free(overhead);
}

const char *probe_mode_name(enum probe_mode mode)
{
	static const char *const names[N_PROBE_MODES] = {
		[PROBE_FULL] = "full",
		[PROBE_SAMPLED] = "sampled",
		[PROBE_COUNT] = "count",
		[PROBE_OFF] = "off",
	};

	return names[mode];
}

static uint64_t runs_of(const struct load *load, unsigned i)
{
	const struct attachment *attachment = probe_attachment(load->state);

	return i < attachment->n_programs ? attachment_runs(attachment, attachment->numbers[i]) : 0;
}

static unsigned programs_of(const struct load *load)
{
	return load->state ? probe_attachment(load->state)->n_programs : 0;
}

void overhead_set(struct overhead *overhead, unsigned probe, const struct probe *ops, void *state,
		  enum probe_mode mode)
{
	struct load *load = &overhead->loads[probe];

	if (load->state == state && load->wanted == mode)
		return;
	*load = (struct load){
		.probe = ops,
		.state = state,
		.mode = mode,
		.wanted = mode,
		.steps_down = load->steps_down,
		.steps_up = load->steps_up,
		.cost_ns = load->cost_ns,
	};
	for (unsigned i = 0; i < programs_of(load); i++) {
		load->runs[i] = runs_of(load, i);
		load->run_ns[i] = ops->usual_run_ns;
	}
	overhead->last_window_ns = 0; /* what is new is measured soon */
}

static int read_stats(const struct load *load, unsigned i, uint64_t *ret_time_ns,
		      uint64_t *ret_runs)
{
	const struct attachment *attachment = probe_attachment(load->state);
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);
	int err = bpf_obj_get_info_by_fd(bpf_program__fd(attachment->programs[i]), &info, &size);

	if (err < 0)
		return err;
	*ret_time_ns = info.run_time_ns;
	*ret_runs = info.run_cnt;
	return 0;
}

static void begin_window(struct overhead *overhead)
{
	overhead->window_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	overhead->may_not_measure = overhead->window_fd < 0;
	for (unsigned p = 0; p < overhead->n && overhead->window_fd >= 0; p++) {
		struct load *load = &overhead->loads[p];

		for (unsigned i = 0; i < programs_of(load); i++)
			(void)read_stats(load, i, &load->window[i].time_ns, &load->window[i].runs);
	}
}

static void end_window(struct overhead *overhead)
{
	for (unsigned p = 0; p < overhead->n; p++) {
		struct load *load = &overhead->loads[p];

		for (unsigned i = 0; i < programs_of(load); i++) {
			uint64_t time_ns, runs;

			if (read_stats(load, i, &time_ns, &runs) < 0 ||
			    runs - load->window[i].runs < RUNS_MIN)
				continue;
			load->run_ns[i] = (double)(time_ns - load->window[i].time_ns) /
					  (double)(runs - load->window[i].runs);
			load->measured[i] = true;
		}
	}
	close(overhead->window_fd);
	overhead->window_fd = -1;
}

/* Adds what the runs since the last tick have cost; the dearest program's runs are its events. */
static void tick_load(const struct overhead *overhead, struct load *load, double seconds)
{
	double cost_ns = 0;
	uint64_t events = 0;

	for (unsigned i = 0; i < programs_of(load); i++) {
		uint64_t runs = runs_of(load, i), more = runs - load->runs[i];

		load->runs[i] = runs;
		cost_ns += (double)more * load->run_ns[i];
		events = more > events ? more : events;
	}
	load->cost_ns += cost_ns;
	load->events_per_s = (double)events / seconds;
	if (events)
		load->event_ns[load->mode] = cost_ns / (double)events;
	load->shares[load->ticks++ % OVERHEAD_TICKS] =
		cost_ns / (seconds * 1e9 * (double)overhead->n_cpus);
}

double load_share(const struct load *load)
{
	unsigned n = load->ticks < OVERHEAD_TICKS ? load->ticks : OVERHEAD_TICKS;
	double sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += load->shares[i];
	return n ? sum / n : 0;
}

double overhead_share(const struct overhead *overhead)
{
	double sum = 0;

	for (unsigned i = 0; i < overhead->n; i++)
		if (overhead->loads[i].state)
			sum += load_share(&overhead->loads[i]);
	return sum;
}

static bool can_step_down(const struct load *load)
{
	return load->state && load->probe->set_mode && load->mode < PROBE_COUNT &&
	       load->ticks >= OVERHEAD_TICKS;
}

/*
 * What the whole would be if this probe did more again; by what that cost when it last did. A mode that it was
 * never in may be one that it does not have.
 */
static double share_with_more(const struct overhead *overhead, const struct load *load)
{
	enum probe_mode more = load->mode - 1;

	while (more > load->wanted && !load->event_ns[more])
		more--;
	double event_ns = load->event_ns[more] - load->event_ns[load->mode];

	return overhead_share(overhead) +
	       load->events_per_s * event_ns / (1e9 * (double)overhead->n_cpus);
}

static bool can_step_up(const struct overhead *overhead, const struct load *load)
{
	return load->state && load->mode > load->wanted && load->calm >= OVERHEAD_CALM_TICKS &&
	       (!overhead->budget ||
		share_with_more(overhead, load) < step_up_below * overhead->budget);
}

int overhead_decide(const struct overhead *overhead, unsigned *ret_probe, enum probe_mode *ret_mode)
{
	const struct load *dearest = NULL;
	bool over = overhead->budget > 0 && overhead_share(overhead) > overhead->budget;

	for (unsigned i = 0; i < overhead->n; i++) {
		const struct load *load = &overhead->loads[i];

		if (over && can_step_down(load) &&
		    (!dearest || load_share(load) > load_share(dearest)))
			dearest = load;
		if (!over && !dearest && can_step_up(overhead, load))
			dearest = load;
	}
	if (!dearest)
		return -ENOENT;
	*ret_probe = (unsigned)(dearest - overhead->loads);
	*ret_mode = over ? dearest->mode + 1 : dearest->mode - 1;
	return 0;
}

/* A mode that the probe does not have is passed over. */
static void take_step(struct overhead *overhead, overhead_step *step, void *context)
{
	enum probe_mode mode;
	unsigned probe;

	if (overhead_decide(overhead, &probe, &mode) < 0)
		return;
	struct load *load = &overhead->loads[probe];
	enum probe_mode from = load->mode;
	bool down = mode > from;
	double share = overhead_share(overhead);

	while (mode > load->wanted && mode < PROBE_COUNT &&
	       load->probe->set_mode(load->state, mode) == -EOPNOTSUPP)
		mode = down ? mode + 1 : mode - 1;
	if (load->probe->set_mode(load->state, mode) < 0)
		return;
	load->mode = mode;
	load->ticks = load->calm = 0;
	load->steps_down += down;
	load->steps_up += !down;
	step(context, probe, from, mode, share);
}

static void tick(struct overhead *overhead, overhead_step *step, void *context, uint64_t now_ns)
{
	double seconds = (double)(now_ns - overhead->last_tick_ns) / (double)second_ns;

	for (unsigned i = 0; i < overhead->n; i++)
		if (overhead->loads[i].state)
			tick_load(overhead, &overhead->loads[i], seconds);
	bool calm = !overhead->budget || overhead_share(overhead) <= overhead->budget;
	for (unsigned i = 0; i < overhead->n; i++)
		overhead->loads[i].calm = calm ? overhead->loads[i].calm + 1 : 0;
	overhead->last_tick_ns = now_ns;
	take_step(overhead, step, context);
}

unsigned overhead_go_on(struct overhead *overhead, overhead_step *step, void *context)
{
	uint64_t now_ns = clock_monotonic_ns();

	if (overhead->window_fd >= 0)
		end_window(overhead);
	if (!overhead->last_tick_ns)
		overhead->last_tick_ns = now_ns;
	else if (now_ns - overhead->last_tick_ns >= second_ns * OVERHEAD_TICK_MS / 2000)
		tick(overhead, step, context, now_ns);
	if (overhead->last_window_ns && now_ns - overhead->last_window_ns < window_every_ns)
		return OVERHEAD_TICK_MS;
	overhead->last_window_ns = now_ns;
	begin_window(overhead);
	return overhead->window_fd >= 0 ? OVERHEAD_WINDOW_MS : OVERHEAD_TICK_MS;
}
