/* SPDX-License-Identifier: Apache-2.0 */
/* Workloads that share a name, and so the row of what survives. */
#include "tests/survivors_support.h"

/* A container of the same name that another runtime has, or another user, is no further run of it. */
static void counts_restarts_of_one_runtime(void **state)
{
	struct world *w = *state;
	struct sighting podman = container(11, "web", 0), users = container(12, "web", 0);

	podman.runtime = users.runtime = "podman";
	users.user = 1000;
	PASS(w, 0, 0, );
	PASS(w, 15, 0, C(10, "web", 0));
	PASS(w, 15, 0, podman, );
	PASS(w, 15, 0, users, );
	expect(w, "web", 0, 0);
	assert_int_equal(count_events(w, EVENT_STARTED), 3);
	assert_int_equal(count_events(w, EVENT_GONE), 2);
	/* Each of them comes back. */
	podman.id = 13;
	users.id = 14;
	PASS(w, 15, 0, C(15, "web", 0) podman, );
	PASS(w, 15, 0, users, );
	expect(w, "web", 0, 3);
	assert_int_equal(count_events(w, EVENT_RESTARTED), 3);
	/* Of which runtime one was may not have been known in time. */
	users.id = 16;
	users.runtime = "";
	PASS(w, 15, 0, users, );
	expect(w, "web", 0, 4);
}

/* More runtimes than are told apart: nothing is lost but what had ended of one of them. */
static void bears_many_runtimes(void **state)
{
	static const char *const runtimes[] = {
		"docker", "podman", "crun", "runc", "lxc", "cri-o"
	};
	struct world *w = *state;

	PASS(w, 0, 0, );
	for (uint64_t round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(runtimes); i++) {
			struct sighting one = container(10 + round * 10 + i, "web", 0);

			one.runtime = runtimes[i];
			PASS(w, 15, 0, one, );
		}
	}
	assert_int_equal(count_events(w, EVENT_STARTED) + count_events(w, EVENT_RESTARTED), 12);
	assert_in_range(find(w, "web")->restarts, 3, 6);
}

/* Those that only start take no place from one that has ended. */
static void starts_take_no_place(void **state)
{
	static const char *const runtimes[] = { "podman", "crun", "runc", "lxc", "cri-o" };
	struct sighting others[ARRAY_SIZE(runtimes)];
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(runtimes); i++) {
		others[i] = container(20 + i, "web", 0);
		others[i].runtime = runtimes[i];
	}
	PASS(w, 0, 0, );
	PASS(w, 15, 0, others[0], others[1], others[2], C(10, "web", 0));
	PASS(w, 15, 0, others[0], others[1], others[2], );
	PASS(w, 15, 0, others[0], others[1], others[2], others[3], others[4], );
	PASS(w, 15, 0, others[0], others[1], others[2], others[3], others[4], C(11, "web", 0));
	expect(w, "web", 0, 1);
}

static int count_asked(void *context, const char *runtime, const char *container_id,
		       const char *file, struct last_state *ret)
{
	(void)runtime;
	(void)container_id;
	(void)file;
	(void)ret;
	++*(unsigned *)context;
	return -ENOENT;
}

/* Who makes and removes what is called like a container is asked for, but not without end. */
static void looks_into_so_many(void **state)
{
	enum { MADE = 25000, KEPT = 20000 };
	struct world *w = *state;
	unsigned asked = 0;

	w->pass.look_up = count_asked;
	w->pass.context = &asked;
	PASS(w, 0, 0, );
	begin(w, 1);
	see_slices(w, 0, 0);
	for (uint64_t i = 0; i < MADE; i++)
		see(w, container(10 + i, "web", 0));
	end(w);
	PASS(w, 1, 0, );
	assert_int_equal(asked, MADE);
	asked = 0;
	PASS(w, 1, 0, );
	assert_int_equal(asked, KEPT);
	assert_int_equal(count_events(w, EVENT_GONE), EVENTS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(counts_restarts_of_one_runtime),
		TEST(bears_many_runtimes),
		TEST(starts_take_no_place),
		TEST(looks_into_so_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
