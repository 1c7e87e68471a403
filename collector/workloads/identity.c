/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/workloads/identity.h"

#include <errno.h>

#include "collector/cgroups.h"
#include "collector/cleanup.h"
#include "collector/clock.h"
#include "collector/collect.h"
#include "collector/workloads/filter.h"
#include "collector/workloads/kvm.h"
#include "collector/workloads/leaf.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/source.h"
#include "collector/utf8.h"

/*
 * A runtime makes the cgroup first, writes its files within moments, and says in them last that the
 * container runs: so a young group is looked at in each pass. Later what is not there is asked for ever
 * more rarely, and what is known is checked for changes with one stat.
 */
static const uint64_t second_ns = UINT64_C(1000) * 1000 * 1000;
enum { LABELS_MAX = 64 }; /* of one container, exported */
enum { AGAIN_MS = 10, YOUNG_S = 10, LONGEST_PAUSE_S = 64, CHECK_EVERY_S = 10, LISTS_KEEP_S = 1 };

static char *clean_label(const struct options *options, const char *bytes,
			 struct self_counters *counters)
{
	bool shortened;
	char *clean = utf8_clean(bytes, strlen(bytes), options->labels_max_length, &shortened);

	counters->labels_shortened += shortened;
	return clean;
}

/* Containers, machines and VMs have names; what is below them belongs to them. */
static bool has_name(enum workload_kind kind)
{
	return kind == KIND_CONTAINER || kind == KIND_MACHINE || kind == KIND_VM;
}

struct identity *identity_new(const struct options *options, const struct group *group,
			      struct self_counters *counters)
{
	struct identity *identity = xcalloc(1, sizeof(*identity));
	const char *parent_path = group->parent ? group->parent->path : "";
	struct leaf leaf = leaf_recognise(group->name, parent_path);
	cleanup_free char *id = leaf_unescape(leaf.id, leaf.id_length);

	identity->kind = leaf.kind;
	identity->runtime = leaf.runtime;
	identity->path = clean_label(options, group->path, counters);
	identity->container_id = clean_label(options, id, counters);
	/* Until the runtime's files tell more, a container is called by its id, as cAdvisor does. */
	identity->name = xstrdup(
		has_name(leaf.kind) ? leaf_machine_name(leaf.runtime, identity->container_id) : "");
	identity->image = xstrdup("");
	identity->namespace = xstrdup("");
	identity->pod = xstrdup("");
	identity->container = xstrdup("");
	identity->image_id = xstrdup("");
	identity->image_digest = xstrdup("");
	identity->pod_uid = xstrdup("");
	identity->fresh = true;
	return identity;
}

void identity_free(struct identity *identity)
{
	if (!identity)
		return;
	facts_free(&identity->facts);
	fact_labels_free(identity->labels, identity->n_labels);
	fact_labels_free(identity->environment, identity->n_environment);
	free(identity->path);
	free(identity->container_id);
	free(identity->name);
	free(identity->image);
	free(identity->namespace);
	free(identity->pod);
	free(identity->container);
	free(identity->image_id);
	free(identity->image_digest);
	free(identity->pod_uid);
	free(identity);
}

/* Takes a fact over as a label, if there is one. */
static void adopt(const struct options *options, char **label, const char *fact,
		  struct self_counters *counters)
{
	if (!fact)
		return;
	free(*label);
	*label = clean_label(options, fact, counters);
}

/* A pod's name and namespace are known from any of its containers, its pause container included. */
static void tell_pod(struct group *pod, const struct identity *child)
{
	struct identity *identity = pod ? pod->identity : NULL;

	if (!identity || identity->kind != KIND_POD || *identity->pod || !*child->pod)
		return;
	free(identity->pod);
	free(identity->namespace);
	identity->pod = xstrdup(child->pod);
	identity->namespace = xstrdup(child->namespace);
	identity->fresh = true;
}

/* Names that were cut stay different; of those that differ in invalid bytes alone the first counts. */
static bool has_name_of(const struct fact_label *labels, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (streq(labels[i].name, name))
			return true;
	return false;
}

/* Replaces a list by those of the facts that are admitted. */
static void choose(const struct options *options, const struct filter *admitted,
		   const struct fact_label *facts, size_t n_facts, struct fact_label **labels,
		   size_t *n, struct self_counters *counters)
{
	fact_labels_free(*labels, *n);
	*labels = NULL;
	*n = 0;
	for (size_t i = 0; admitted && i < n_facts; i++) {
		cleanup_free char *name = clean_label(options, facts[i].name, counters);

		if (!filter_admits(admitted, name) || has_name_of(*labels, *n, name))
			continue;
		if (*n == LABELS_MAX) {
			counters->container_labels_dropped++;
			continue;
		}
		*labels = xreallocarray(*labels, *n + 1, sizeof(**labels));
		(*labels)[(*n)++] = (struct fact_label){
			.name = xstrdup(name),
			.value = clean_label(options, facts[i].value, counters),
		};
	}
}

static void choose_labels(const struct options *options, const struct runtime_context *context,
			  struct identity *identity, struct self_counters *counters)
{
	const struct facts *facts = &identity->facts;

	choose(options, context->labels, facts->labels, facts->n_labels, &identity->labels,
	       &identity->n_labels, counters);
	choose(options, context->environment, facts->environment, facts->n_environment,
	       &identity->environment, &identity->n_environment, counters);
	if (context->labels)
		counters->container_labels_dropped += facts->labels_dropped;
	counters->container_labels_dropped += facts->environment_dropped;
}

static void take_over(const struct options *options, const struct runtime_context *context,
		      struct group *group, struct facts *facts, struct self_counters *counters)
{
	struct identity *identity = group->identity;

	facts_free(&identity->facts);
	identity->facts = *facts;
	choose_labels(options, context, identity, counters);
	if (facts->runtime)
		identity->runtime = facts->runtime;
	if (facts->kind != N_WORKLOAD_KINDS)
		identity->kind = facts->kind;
	adopt(options, &identity->container_id, facts->container_id, counters);
	adopt(options, &identity->name, facts->name, counters);
	adopt(options, &identity->image, facts->image, counters);
	adopt(options, &identity->namespace, facts->namespace, counters);
	adopt(options, &identity->pod, facts->pod, counters);
	adopt(options, &identity->image_id, facts->image_id, counters);
	adopt(options, &identity->image_digest, facts->image_digest, counters);
	adopt(options, &identity->pod_uid, facts->pod_uid, counters);
	if (!facts->sandbox)
		adopt(options, &identity->container, facts->container, counters);
	if (facts->started_ms)
		identity->start_ms = facts->started_ms;
	facts_drop_texts(&identity->facts); /* an image's labels may be megabytes */
	identity->known = identity->fresh = true;
	identity->looks = 0;
	tell_pod(group->parent, identity);
}

/* Whether there is time for another one. */
static bool may_look(struct look_ups *look_ups, struct identity *identity)
{
	bool again = identity->first_look_ns && !identity->put_off;

	if (look_ups->waiting && again)
		return false;
	if (look_ups->made >= look_ups->at_least && clock_monotonic_ns() >= look_ups->until_ns) {
		look_ups->put_off++;
		look_ups->counters->metadata_put_off++;
		identity->put_off = true;
		return false;
	}
	look_ups->made++;
	identity->put_off = false;
	return true;
}

/* Soon for the youngest, for what they are called is written within moments; then ever more rarely. */
static void ask_again(struct look_ups *look_ups, const struct identity *identity)
{
	uint64_t age_ms = (look_ups->now_ns - identity->first_look_ns) / 1000000;
	uint64_t ms = age_ms / 2 > AGAIN_MS ? age_ms / 2 : AGAIN_MS;

	if (identity->kind == KIND_SLICE || identity->kind == KIND_POD || identity->known)
		return;
	if (!look_ups->again_ms || ms < look_ups->again_ms)
		look_ups->again_ms = ms;
}

void identity_update(struct look_ups *look_ups, struct group *group)
{
	const struct runtime_context *context = look_ups->context;
	struct self_counters *counters = look_ups->counters;
	struct identity *identity = group->identity;
	uint64_t now_ns = look_ups->now_ns;
	struct facts facts;

	if (now_ns < identity->next_look_ns || context->root_fd < 0 ||
	    !may_look(look_ups, identity))
		return;
	if (!identity->first_look_ns)
		identity->first_look_ns = now_ns;
	bool young = now_ns - identity->first_look_ns < YOUNG_S * second_ns;
	identity->next_look_ns = young ? now_ns : now_ns + CHECK_EVERY_S * second_ns;
	identity->not_before_ns = young ? now_ns : now_ns - LISTS_KEEP_S * second_ns;
	if (identity->known && !facts_changed(context, &identity->facts))
		return;
	int err = runtimes_look_up(context, group, &facts);
	if (err == -EALREADY) {
		identity->facts.stamp = facts.stamp;
		return;
	}
	if (!err) {
		take_over(look_ups->options, context, group, &facts, counters);
		return;
	}
	if (young && err == -ENOENT) {
		ask_again(look_ups, identity);
		return;
	}
	counters->metadata_errors += err != -ENOENT;
	counters->metadata_denied |= is_denied(err);
	uint64_t pause_s = UINT64_C(1) << (identity->looks < 6 ? identity->looks : 6);
	identity->looks++;
	identity->next_look_ns =
		now_ns + (pause_s < LONGEST_PAUSE_S ? pause_s : LONGEST_PAUSE_S) * second_ns;
}

void identity_become_machine(const struct look_ups *look_ups, struct group *group)
{
	cleanup_free char *name = kvm_name(group->name);
	struct identity *identity = group->identity;

	identity->kind = KIND_VM;
	identity->runtime = "kvm";
	adopt(look_ups->options, &identity->name, name, look_ups->counters);
	identity->fresh = true;
}

bool identity_is_sandbox(const struct identity *identity)
{
	return identity->known && identity->facts.sandbox;
}
