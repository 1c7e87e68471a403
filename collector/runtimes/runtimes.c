/* SPDX-License-Identifier: Apache-2.0 */
/* Every runtime, in the order in which they are asked. A new one is two lines here. */
#include "collector/runtimes/runtime.h"

#include <errno.h>
#include <fcntl.h>

#include "collector/cleanup.h"
#include "collector/memory.h"
#include "collector/options/options.h"
#include "collector/procfs/mounts.h"
#include "collector/runtimes/json_cache.h"
#include "collector/runtimes/json_file.h"
#include "collector/runtimes/oci_state.h"
#include "collector/source.h"
#include "collector/workloads/filter.h"

extern const struct runtime runtime_docker;
extern const struct runtime runtime_podman;
extern const struct runtime runtime_containerd;
extern const struct runtime runtime_machined;
extern const struct runtime runtime_bundle;

const struct runtime *const runtimes[] = {
	&runtime_docker, &runtime_podman, &runtime_containerd, &runtime_machined, &runtime_bundle,
};

const size_t n_runtimes = ARRAY_SIZE(runtimes);

/* "registry/name@sha256:...": who asks for an image by its digest knows it. */
static void take_digest(struct facts *facts)
{
	const char *at = facts->image ? strrchr(facts->image, '@') : NULL;

	if (at && at[1] && !facts->image_digest)
		facts->image_digest = xstrdup(at + 1);
}

int runtimes_look_up(const struct runtime_context *context, const struct group *group,
		     struct facts *ret)
{
	int worst = -ENOENT;

	for (size_t i = 0; i < n_runtimes; i++) {
		struct facts facts = { .kind = N_WORKLOAD_KINDS, .restarts = -1 };
		int err = runtimes[i]->look_up(context, group, &facts);

		if (!err) {
			facts_take_kubernetes(&facts);
			take_digest(&facts);
			*ret = facts;
			return 0;
		}
		if (err == -EALREADY) {
			*ret = facts;
			return err;
		}
		facts_free(&facts);
		if (err != -ENOENT && !is_denied(worst))
			worst = err;
	}
	return worst;
}

int runtimes_last_state(const struct runtime_context *context, const char *runtime,
			const char *container_id, const char *file, struct last_state *ret)
{
	if (context->root_fd < 0 || strchr(container_id, '/') || container_id[0] == '.')
		return -ENOENT;
	for (size_t i = 0; i < n_runtimes; i++) {
		const char *also = runtimes[i]->also;
		bool its = streq(runtime, runtimes[i]->name) || (also && streq(runtime, also));

		if (!runtimes[i]->last_state || (*runtime && !its))
			continue;
		if (runtimes[i]->last_state(context, container_id, file, ret) == 0)
			return 0;
	}
	return -ENOENT;
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

bool facts_changed(const struct runtime_context *context, const struct facts *facts)
{
	struct file_stamp now;

	if (!facts->file)
		return false;
	if (facts->of_user &&
	    mounts_may_block(context->path_procfs, context->path_rootfs, facts->file))
		return false;
	/* Opened and not only looked at: the same rules as when it was read. */
	cleanup_close int fd = runtime_file_open(context->root_fd, facts->file,
						 facts->of_user ? UNTRUSTED : TRUSTED, &now);
	return fd < 0 || !file_stamp_equal(&now, &facts->stamp);
}

void runtime_context_retry(struct runtime_context *context)
{
	if (context->root_fd < 0)
		context->root_fd = open(context->path_rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

struct runtime_context runtime_context_open(const struct options *options)
{
	struct runtime_context context = {
		.root_fd = -1,
		.path_procfs = options->path_procfs,
		.path_rootfs = options->path_rootfs,
		.oci_states = oci_states_new(),
		.json_cache = json_cache_new(),
	};

	runtime_context_retry(&context);
	return context;
}

void runtime_context_close(struct runtime_context *context)
{
	if (context->root_fd >= 0)
		close(context->root_fd);
	oci_states_free(context->oci_states);
	json_cache_free(context->json_cache);
}

/* Takes the name's ownership. */
static void append(struct fact_label **labels, size_t *n, char *name, const char *value)
{
	*labels = xreallocarray(*labels, *n + 1, sizeof(**labels));
	(*labels)[(*n)++] = (struct fact_label){ .name = name, .value = xstrdup(value) };
}

void facts_add_label(struct facts *facts, const char *name, const char *value)
{
	if (facts->n_labels == FACT_LABELS_MAX)
		facts->labels_dropped++;
	else
		append(&facts->labels, &facts->n_labels, xstrdup(name), value);
}

void facts_add_variable(const struct runtime_context *context, struct facts *facts,
			const char *variable)
{
	const char *equals = strchr(variable, '=');

	if (!equals || !context->environment)
		return;
	cleanup_free char *name = xstrndup(variable, (size_t)(equals - variable));
	if (!filter_admits(context->environment, name))
		return;
	if (facts->n_environment == FACT_LABELS_MAX) {
		facts->environment_dropped++;
		return;
	}
	append(&facts->environment, &facts->n_environment, name, equals + 1);
	name = NULL; /* the facts' now */
}

const char *facts_label(const struct facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->n_labels; i++)
		if (streq(facts->labels[i].name, name))
			return facts->labels[i].value;
	return NULL;
}

/* Takes a label's value where nothing better is known. */
static void take(const struct facts *facts, char **field, const char *label)
{
	const char *value = *field ? NULL : facts_label(facts, label);

	if (value && *value)
		*field = xstrdup(value);
}

void facts_take_kubernetes(struct facts *facts)
{
	take(facts, &facts->pod, "io.kubernetes.pod.name");
	take(facts, &facts->namespace, "io.kubernetes.pod.namespace");
	take(facts, &facts->pod_uid, "io.kubernetes.pod.uid");
	take(facts, &facts->container, "io.kubernetes.container.name");
	if (facts->container && streq(facts->container, "POD")) /* dockershim's and CRI-O's pause */
		facts->sandbox = true;
}

void fact_labels_free(struct fact_label *labels, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(labels[i].name);
		free(labels[i].value);
	}
	free(labels);
}

void facts_drop_texts(struct facts *facts)
{
	char **const strings[] = { &facts->container_id, &facts->name,	       &facts->image,
				   &facts->image_id,	 &facts->image_digest, &facts->namespace,
				   &facts->pod,		 &facts->pod_uid,      &facts->container };

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		free(*strings[i]);
		*strings[i] = NULL;
	}
	fact_labels_free(facts->labels, facts->n_labels);
	fact_labels_free(facts->environment, facts->n_environment);
	facts->labels = facts->environment = NULL;
	facts->n_labels = facts->n_environment = 0;
}

void facts_free(struct facts *facts)
{
	facts_drop_texts(facts);
	free(facts->file);
	*facts = (struct facts){ 0 };
}
