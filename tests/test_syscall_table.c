/* SPDX-License-Identifier: Apache-2.0 */
/* Names and classes of system calls, for the numbers that this machine's C library has. */
#include <string.h>
#include <sys/syscall.h>

#include "collector/probes/syscall_table.h"
#include "tests/support.h"

static void errors_have_names(void **state)
{
	struct syscall_table *table = syscall_table_new();
	static const int common[] = { EPERM,  ENOENT,	    EAGAIN,	 EMFILE, ENOSPC,   ELOOP,
				      EDQUOT, ECONNREFUSED, EINPROGRESS, ESTALE, EOVERFLOW };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(common); i++) {
		__u8 key = table->error_keys[common[i]];

		assert_in_range(key, 1, WIRE_ERROR_KEYS - 1);
		assert_string_equal(table->errors[key], strerrorname_np(common[i]));
	}
	assert_int_equal(table->error_keys[ELNRNG], 0);
	assert_string_equal(table->errors[0], "other");
	syscall_table_free(table);
}

static void names_and_classes(void **state)
{
	static const struct {
		int number;
		const char *name;
		enum syscall_class class;
	} known[] = {
		{ SYS_read, "read", CLASS_FILE_READ },
		{ SYS_writev, "writev", CLASS_FILE_WRITE },
		{ SYS_fdatasync, "fdatasync", CLASS_SYNC },
		{ SYS_openat, "openat", CLASS_METADATA },
		{ SYS_sendto, "sendto", CLASS_NETWORK },
		{ SYS_futex, "futex", CLASS_WAIT },
		{ SYS_accept4, "accept4", CLASS_WAIT },
		{ SYS_epoll_pwait, "epoll_pwait", CLASS_WAIT },
		{ SYS_clock_nanosleep, "clock_nanosleep", CLASS_WAIT },
		{ SYS_mmap, "mmap", CLASS_MEMORY },
		{ SYS_execve, "execve", CLASS_PROCESS },
		{ SYS_getrandom, "getrandom", CLASS_OTHER },
	};
	struct syscall_table *table = syscall_table_new();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		assert_string_equal(table->names[known[i].number], known[i].name);
		assert_int_equal(table->classes[known[i].number], known[i].class);
		assert_int_equal(table->calls[known[i].number].spare_key,
				 WIRE_CALL_SPARES + (int)known[i].class);
	}
	assert_string_equal(table->names[WIRE_CALLS - 1], "syscall_479");
	assert_string_equal(table->names[WIRE_CALL_COMPAT], "compat");
	syscall_table_free(table);
	syscall_table_free(NULL);
}

/* Calls that may wait have a second key, of the class wait, under the same name. */
static void keys_of_waiting(void **state)
{
	struct syscall_table *table = syscall_table_new();
	unsigned n = 0;

	(void)state;
	for (int number = 0; number < WIRE_CALLS; number++) {
		const struct wire_call *call = &table->calls[number];

		if (!call->waits)
			continue;
		n++;
		assert_in_range(call->waits_key, WIRE_CALL_WAITS, WIRE_CALL_SPARES - 1);
		assert_int_not_equal(table->classes[number], CLASS_WAIT);
		assert_int_equal(table->classes[call->waits_key], CLASS_WAIT);
		assert_string_equal(table->names[call->waits_key], table->names[number]);
	}
	assert_true(n >= 5);
	assert_int_equal(table->calls[SYS_read].waits, WIRE_WAITS_UNLESS_FILE);
	assert_int_equal(table->calls[SYS_recvfrom].waits, WIRE_WAITS);
	assert_int_equal(table->calls[SYS_write].waits, WIRE_WAITS_NEVER);
	syscall_table_free(table);
}

static void names_of_classes(void **state)
{
	(void)state;
	for (int class = 0; class < N_SYSCALL_CLASSES; class ++)
		for (int other = 0; other < class; other++)
			assert_string_not_equal(syscall_class_name(class),
						syscall_class_name(other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_classes),
		cmocka_unit_test(errors_have_names),
		cmocka_unit_test(keys_of_waiting),
		cmocka_unit_test(names_of_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
