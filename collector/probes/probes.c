/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/probes/probes.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/probes/ring.h"
#include "collector/probes/slots.h"
#include "collector/source.h"

struct opened {
	const struct probe *probe; /* NULL: the source has none */
	void *state;		   /* NULL: down, or off */
	const char *reason;	   /* why it is down */
	char *failure;		   /* the same, when it had to be put together */
	unsigned number;	   /* of its opening; 0: it is not open */
	unsigned lender;	   /* the same of the probe whose maps it borrows, as it was then */
};

struct probes {
	struct probe_setup setup;
	struct overhead *overhead;
	const char *reason; /* why there can be none at all */
	struct opened *opened;
	unsigned n_openings;
	struct charge *charges; /* of the collection under way */
	size_t n_charges, charges_size;
};

struct probes *probes_new(void)
{
	struct probes *probes = xcalloc(1, sizeof(*probes));

	probes->opened = xcalloc(n_sources, sizeof(*probes->opened));
	for (size_t i = 0; i < n_sources; i++)
		probes->opened[i].probe = sources[i]->probe;
	return probes;
}

static void close_probe(struct opened *opened)
{
	if (opened->state)
		probe_close(opened->probe, opened->state);
	free(opened->failure);
	opened->state = NULL;
	opened->failure = NULL;
	opened->reason = NULL;
	opened->number = 0;
}

void probes_free(struct probes *probes)
{
	if (!probes)
		return;
	for (size_t i = 0; i < n_sources; i++)
		close_probe(&probes->opened[i]);
	slots_free(probes->setup.slots);
	overhead_free(probes->overhead);
	ring_free(probes->setup.ring);
	free(probes->opened);
	free(probes->charges);
	free(probes);
}

/* Room for as many cgroups again as there are: the maps keep their size while the probes run. */
static uint32_t number_of_slots(const struct hierarchy *hierarchy)
{
	uint32_t n = SLOTS_MIN;

	while (n < SLOTS_MAX && n < 2 * hierarchy->n_groups)
		n *= 2;
	return n < SLOTS_MAX ? n : SLOTS_MAX;
}

/* Ids of groups mean something to the kernel only when its own hierarchy is read. */
static const char *prepare(struct probes *probes, const struct hierarchy *hierarchy)
{
	int cpus;

	if (!hierarchy_is_of_kernel(hierarchy->root_fd))
		return "the hierarchy that is read is not the kernel's";
	if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
		return "the kernel has no type information (/sys/kernel/btf/vmlinux)";
	cpus = libbpf_num_possible_cpus();
	if (cpus < 0)
		return "the number of CPUs is not known";
	probes->setup.n_cpus = (unsigned)cpus;
	if (!probes->overhead)
		probes->overhead = overhead_new((unsigned)n_sources, probes->setup.n_cpus);
	if (probes->setup.slots)
		return NULL;
	int err = probes->setup.ring ? 0 : ring_new(&probes->setup.ring);
	err = err ? err : slots_new(number_of_slots(hierarchy), &probes->setup.slots);
	if (is_denied(err))
		return "not permitted to use BPF (CAP_BPF and CAP_PERFMON are needed)";
	return err < 0 ? "the kernel makes no BPF maps" : NULL;
}

static const struct opened *find(const struct probes *probes, const struct probe *probe)
{
	for (size_t i = 0; i < n_sources; i++)
		if (probes->opened[i].probe == probe)
			return &probes->opened[i];
	return NULL;
}

/* NULL: it borrows from none. */
static const struct opened *lender_of(const struct probes *probes, const struct opened *opened)
{
	const struct source *lender = opened->probe->lender;

	return lender ? find(probes, lender->probe) : NULL;
}

/* Whether it is open, and what it borrows is what its lender has now. */
static bool is_up_to_date(const struct probes *probes, const struct opened *opened)
{
	const struct opened *lender = lender_of(probes, opened);

	return opened->state && opened->lender == (lender ? lender->number : 0);
}

static void open_probe(struct probes *probes, struct opened *opened)
{
	const struct opened *lender = lender_of(probes, opened);
	struct probe_setup setup = probes->setup;
	const char *reason = NULL;

	if (probes->reason) {
		opened->reason = probes->reason;
		return;
	}
	setup.lender = lender ? lender->state : NULL;
	setup.borrowed = opened->probe->borrowed;
	opened->lender = lender ? lender->number : 0;
	int err = probe_open(opened->probe, &setup, &opened->state, &reason, &opened->failure);
	if (err < 0)
		opened->reason = reason ? reason : strerror(-err);
	else
		opened->number = ++probes->n_openings;
}

/* A probe opens as full. */
static void set_wanted(struct probes *probes, unsigned i, const struct options *options)
{
	const struct opened *opened = &probes->opened[i];
	const struct load *load = &probes->overhead->loads[i];
	enum probe_mode wanted =
		opened->probe->wanted ? opened->probe->wanted(options) : PROBE_FULL;
	enum probe_mode mode = load->state == opened->state ? load->wanted : PROBE_FULL;

	if (opened->state && wanted != mode && opened->probe->set_mode &&
	    opened->probe->set_mode(opened->state, wanted) < 0)
		wanted = mode;
	overhead_set(probes->overhead, i, opened->probe, opened->state, wanted);
}

static void set_overhead(struct probes *probes, const struct options *options)
{
	if (!probes->overhead)
		return;
	probes->overhead->budget = (double)options->probe_budget_percent / 100;
	for (unsigned i = 0; i < n_sources; i++)
		if (probes->opened[i].probe)
			set_wanted(probes, i, options);
}

void probes_apply(struct probes *probes, const struct options *options,
		  const struct hierarchy *hierarchy)
{
	bool prepared = false;

	probes->setup.options = options;
	for (size_t i = 0; i < n_sources; i++) {
		struct opened *opened = &probes->opened[i];

		if (!opened->probe ||
		    (is_up_to_date(probes, opened) && options->sources_enabled >> i & 1))
			continue;
		close_probe(opened);
		if (!(options->sources_enabled >> i & 1))
			continue;
		if (!prepared)
			probes->reason = prepare(probes, hierarchy);
		prepared = true;
		open_probe(probes, opened);
	}
	set_overhead(probes, options);
}

void *probes_state(const struct probes *probes, const struct probe *probe, const char **ret_reason)
{
	const struct opened *opened = find(probes, probe);

	if (!opened->state)
		*ret_reason = opened->reason ? opened->reason : "it has not been opened yet";
	return opened->state;
}

static void retire(void *context)
{
	struct probes *probes = context;

	for (size_t i = 0; i < n_sources; i++)
		if (probes->opened[i].state)
			probe_retire(probes->opened[i].probe, probes->opened[i].state);
}

void probes_update(struct probes *probes, const struct hierarchy *hierarchy)
{
	probes->n_charges = 0;
	if (probes->setup.slots)
		slots_update(probes->setup.slots, hierarchy, retire, probes);
}

unsigned probes_oversee(struct probes *probes, overhead_step *step, void *context)
{
	bool up = false;

	for (size_t i = 0; i < n_sources; i++) {
		const struct opened *opened = &probes->opened[i];

		up |= opened->state != NULL;
		if (opened->state && opened->probe->fetch)
			opened->probe->fetch(opened->state);
	}
	return up ? overhead_go_on(probes->overhead, step, context) : 0;
}

const struct overhead *probes_overhead(const struct probes *probes)
{
	return probes->overhead;
}

void probes_charge(struct probes *probes, const struct probe *probe,
		   const struct workload *workload, uint64_t events)
{
	if (probes->n_charges == probes->charges_size) {
		probes->charges_size = probes->charges_size ? 2 * probes->charges_size : 256;
		probes->charges = xreallocarray(probes->charges, probes->charges_size,
						sizeof(*probes->charges));
	}
	probes->charges[probes->n_charges++] = (struct charge){
		.workload = workload,
		.probe = (unsigned)(find(probes, probe) - probes->opened),
		.events = events,
	};
}

void charging_end(struct charging *charging)
{
	if (charging->workload)
		probes_charge(charging->probes, charging->probe, charging->workload,
			      charging->events);
	charging->workload = NULL;
	charging->events = 0;
}

void charging_add(struct charging *charging, const struct workload *workload, uint64_t events)
{
	if (workload != charging->workload)
		charging_end(charging);
	charging->workload = workload;
	charging->events += events;
}

const struct charge *probes_charges(const struct probes *probes, size_t *ret_n)
{
	*ret_n = probes->n_charges;
	return probes->charges;
}

const struct slots *probes_slots(const struct probes *probes)
{
	return probes->setup.slots;
}

struct ring *probes_ring(const struct probes *probes)
{
	return probes->setup.ring;
}
