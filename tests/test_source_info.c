/* SPDX-License-Identifier: Apache-2.0 */
/* What container_info and its like tell, from the files of runtimes. */
#include "collector/buffer.h"
#include "tests/rows_support.h"

#define WEB	    "7527a933d0dda13a66e82d844f72c71282e4128c99e7882c064dc0c7563f39cc"
#define PATH	    "/system.slice/docker-" WEB ".scope"
#define FILE_OF_WEB "root/var/lib/docker/containers/" WEB "/config.v2.json"

static struct scene scene_with(const char *json)
{
	struct scene scene = { .tree = tree_new() };

	scene.options = options_for_tree(scene.tree);
	tree_mkdir(scene.tree, "cgroup" PATH);
	tree_mkdir(scene.tree, "root");
	if (json)
		tree_write(scene.tree, FILE_OF_WEB, json);
	return scene;
}

static const char json_of_web[] =
	"{\"Name\":\"/web\",\"Image\":\"sha256:abc\",\"Created\":\"2026-11-23T01:02:03.5Z\","
	"\"State\":{\"Running\":true,\"Health\":{\"Status\":\"healthy\"}},"
	"\"Config\":{\"Image\":\"demo:1\",\"Env\":[\"PASSWORD=s3cr3t\"],\"Labels\":"
	"{\"app\":\"web\",\"a.b\":\"1\",\"a-b\":\"2\",\"secret\":\"x\",\"app\\\"\\n\":\"q\\\"\\n\"}"
	"}}";

static void tells_what_docker_knows(void **state)
{
	struct scene scene = scene_with(json_of_web);

	(void)state;
	scene_collect(&scene);
	expect_sample(&scene, "container_info", PATH,
		      "kind=container,runtime=docker,container_id=" WEB
		      ",image_id=sha256:abc,pod_uid=",
		      1);
	expect_sample(&scene, "container_creation_time_seconds", PATH, "", 1795395723500);
	expect_sample(&scene, "container_health_state", PATH, "", 1);
	/* Off by default. */
	assert_int_equal(snapshot_family(scene.snapshot, "container_label_info")->n_samples, 0);
	scene_end(&scene);
}

#define REPOSITORIES "root/var/lib/docker/image/overlay2/repositories.json"

/* The digest is that of the repository that was asked for, whoever else has the image. */
static void tells_digests_of_images(void **state)
{
	static const struct {
		const char *json, *repositories, *digest;
	} rows[] = {
		{ "{\"Image\":\"sha256:abc\",\"Driver\":\"overlay2\",\"Config\":{\"Image\":\"b:1\"}"
		  "}",
		  "{\"Repositories\":{\"a\":{\"a@sha256:1\":\"sha256:abc\"},\"b\":{\"b:1\":"
		  "\"sha256:abc\","
		  "\"b@sha256:3\":\"sha256:other\",\"b@sha256:2\":\"sha256:abc\"},"
		  "\"c\":{\"c@sha256:4\":\"sha256:abc\"}}}",
		  "sha256:2" },
		/* The tag was moved since. */
		{ "{\"Image\":\"sha256:abc\",\"Driver\":\"overlay2\",\"Config\":{\"Image\":\"gone:"
		  "1\"}}",
		  "{\"Repositories\":{\"a\":{\"a@sha256:1\":\"sha256:abc\"}}}", "sha256:1" },
		/* Never pulled. */
		{ "{\"Image\":\"sha256:abc\",\"Driver\":\"overlay2\",\"Config\":{\"Image\":\"b:1\"}"
		  "}",
		  "{\"Repositories\":{\"b\":{\"b:1\":\"sha256:abc\"}}}", NULL },
		/* Asked for by its digest. */
		{ "{\"Image\":\"sha256:abc\",\"Config\":{\"Image\":\"b@sha256:5\"}}", "{}",
		  "sha256:5" },
		/* The containerd image store. */
		{ "{\"Image\":\"sha256:6\",\"Driver\":\"overlayfs\",\"ImageManifest\":{\"digest\":"
		  "\"sha256:7\"}}",
		  "{}", "sha256:6" },
		{ "{\"Image\":\"sha256:abc\",\"Driver\":\"../overlay2\"}", "{}", NULL },
		{ "{\"Image\":\"sha256:abc\",\"Driver\":\"overlay2\"}",
		  "{\"Repositories\":{\"b\":[],\"c\":{\"c@x\":7},\"d\":7}}", NULL },
		{ "{\"Image\":\"sha256:abc\",\"Driver\":\"overlay2\"}", "[]", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct scene scene = scene_with(rows[i].json);

		tree_write(scene.tree, REPOSITORIES, rows[i].repositories);
		scene_collect(&scene);
		cleanup_free char *labels =
			xasprintf("digest=%s", rows[i].digest ? rows[i].digest : "");
		assert_int_equal(snapshot_family(scene.snapshot, "container_image_info")->n_samples,
				 rows[i].digest != NULL);
		if (rows[i].digest)
			expect_sample(&scene, "container_image_info", PATH, labels, 1);
		scene_end(&scene);
	}
}

static void tells_digests_of_podmans_images(void **state)
{
	struct scene scene = scene_with(NULL);

	(void)state;
	tree_mkdir(scene.tree, "cgroup/machine.slice/libpod-" WEB ".scope");
	tree_write(scene.tree, "root/var/lib/containers/storage/overlay-containers/containers.json",
		   "[{\"id\":\"" WEB "\",\"names\":[\"web\"],\"image\":\"abc\"}]");
	tree_write(scene.tree, "root/var/lib/containers/storage/overlay-images/images.json",
		   "[{\"id\":\"ab\",\"digest\":\"sha256:1\"},{\"id\":\"abc\",\"digest\":\"sha256:"
		   "2\"}]");
	scene_collect(&scene);
	expect_sample(&scene, "container_image_info", "/machine.slice/libpod-" WEB ".scope",
		      "digest=sha256:2", 1);
	scene_end(&scene);
}

static void chooses_labels(void **state)
{
	char app[] = "app.*", ab[] = "a[.-]b", *patterns[] = { app, ab };
	struct scene scene = scene_with(json_of_web);

	(void)state;
	scene.options.containers_labels = (struct string_list){ patterns, ARRAY_SIZE(patterns) };
	scene_collect(&scene);
	/* Names are values here, so nothing is sanitised and nothing can collide. */
	expect_sample(&scene, "container_label_info", PATH, "label=app,value=web", 1);
	expect_sample(&scene, "container_label_info", PATH, "label=a.b,value=1", 1);
	expect_sample(&scene, "container_label_info", PATH, "label=a-b,value=2", 1);
	assert_int_equal(snapshot_family(scene.snapshot, "container_label_info")->n_samples, 3);
	assert_int_equal(scene.counters.container_labels_dropped, 0);
	scene_end(&scene);
}

/* By name alone, and only those that were asked for: a password does not come out with the rest. */
static void chooses_variables(void **state)
{
	char mode[] = "APP_.*", *patterns[] = { mode };
	struct scene scene = scene_with(
		"{\"Name\":\"/"
		"web\",\"Config\":{\"Env\":[\"PASSWORD=s3cr3t\",\"APP_MODE=a=b\\n\",\"APP_EMPTY=\","
		"\"APP_MODE=second\",\"APP_NONE\",7,\"=x\",\"MY_APP_X=1\"]}}");

	(void)state;
	scene_collect(&scene);
	assert_int_equal(snapshot_family(scene.snapshot, "container_environment_info")->n_samples,
			 0);
	scene_close(&scene);
	scene.options.containers_environment = (struct string_list){ patterns, 1 };
	scene_collect(&scene);
	expect_sample(&scene, "container_environment_info", PATH, "variable=APP_MODE,value=a=b\n",
		      1);
	expect_sample(&scene, "container_environment_info", PATH, "variable=APP_EMPTY,value=", 1);
	assert_int_equal(snapshot_family(scene.snapshot, "container_environment_info")->n_samples,
			 2);
	scene_end(&scene);
}

/* OCI's configuration has it elsewhere than Docker's. */
static void chooses_variables_of_bundles(void **state)
{
	char mode[] = "A", *patterns[] = { mode };
	static const char config[] = "{\"process\":{\"env\":[\"A=b\",\"C=d\"]}}";
	struct scene scene = scene_with(NULL);

	(void)state;
	tree_mkdir(scene.tree, "cgroup/machine.slice/libpod-" WEB ".scope");
	tree_mkdir(scene.tree, "cgroup/x/cri-containerd-" WEB ".scope");
	tree_write(scene.tree, "root/var/lib/containers/storage/overlay-containers/containers.json",
		   "[{\"id\":\"" WEB "\"}]");
	tree_write(scene.tree,
		   "root/var/lib/containers/storage/overlay-containers/" WEB
		   "/userdata/config.json",
		   config);
	tree_write(scene.tree,
		   "root/run/containerd/io.containerd.runtime.v2.task/k8s.io/" WEB "/config.json",
		   config);
	scene.options.containers_environment = (struct string_list){ patterns, 1 };
	scene_collect(&scene);
	expect_sample(&scene, "container_environment_info", "/machine.slice/libpod-" WEB ".scope",
		      "variable=A,value=b", 1);
	expect_sample(&scene, "container_environment_info", "/x/cri-containerd-" WEB ".scope",
		      "variable=A,value=b", 1);
	assert_int_equal(snapshot_family(scene.snapshot, "container_environment_info")->n_samples,
			 2);
	scene_end(&scene);
}

static void caps_labels(void **state)
{
	char numbers[] = "n.*", *patterns[] = { numbers };
	cleanup(buffer_free) struct buffer json = { 0 };

	(void)state;
	buffer_puts(&json, "{\"Name\":\"/web\",\"Config\":{\"Labels\":{");
	for (int i = 0; i < 300; i++)
		buffer_printf(&json, "%s\"n%d\":\"%0*d\"", i ? "," : "", i, i ? 1 : 2000, 7);
	buffer_puts(&json, "}}}");
	buffer_putc(&json, '\0');
	struct scene scene = scene_with(json.data);
	scene.options.containers_labels = (struct string_list){ patterns, 1 };
	scene_collect(&scene);
	assert_int_equal(snapshot_family(scene.snapshot, "container_label_info")->n_samples, 64);
	assert_int_equal(scene.counters.container_labels_dropped, 300 - 64);
	assert_int_equal(scene.counters.labels_shortened, 1);
	scene_end(&scene);
}

/* 64 KB of name and of value, quotes and newlines: cut, told apart, and counted; the others are whole. */
static void cuts_long_labels(void **state)
{
	enum { LONG = 64 * 1024 };
	char all[] = "(?s).*", *patterns[] = { all };
	cleanup(buffer_free) struct buffer json = { 0 };
	cleanup_free char *text = xmalloc(LONG + 1);

	(void)state;
	memset(text, 'x', LONG);
	text[LONG] = '\0';
	buffer_printf(
		&json,
		"{\"Name\":\"/%s\",\"Config\":{\"Image\":\"demo:1\",\"Labels\":{\"%s1\":\"a\","
		"\"%s2\":\"%s\",\"q\\\"\\n\":\"\\\"\\n\\u001b\\ud83d\\ude00\"}}}",
		text, text, text, text);
	buffer_putc(&json, '\0');
	struct scene scene = scene_with(json.data);
	scene.options.containers_labels = (struct string_list){ patterns, 1 };
	scene_collect(&scene);
	const struct family *family = snapshot_family(scene.snapshot, "container_label_info");
	assert_int_equal(family->n_samples, 3);
	for_each_sample(sample, family) {
		assert_true(strlen(sample->labels[0]) <= scene.options.labels_max_length);
		assert_true(strlen(sample->labels[1]) <= scene.options.labels_max_length);
		assert_true(strlen(sample->workload->name) <= scene.options.labels_max_length);
		assert_string_equal(sample->workload->image, "demo:1");
	}
	expect_sample(&scene, "container_label_info", PATH,
		      "label=q\"\n,value=\"\n\033\xf0\x9f\x98\x80", 1);
	assert_int_equal(scene.counters.labels_shortened,
			 4); /* two names, a value, the container's */
	scene_end(&scene);
}

/* No JSON has it: the file is refused and that is counted, the container served under its id. */
static void refuses_invalid_bytes(void **state)
{
	static const char *const texts[] = {
		"{\"Name\":\"/a\xff\"}",
		"{\"Name\":\"/web\",\"Config\":{\"Labels\":{\"a\":\"\xed\xa0\x80\"}}}",
		"{\"Name\":\"/web\",\"Config\":{\"Labels\":{\"\xc0\xaf\":\"b\"}}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct scene scene = scene_with(texts[i]);

		scene_collect(&scene);
		expect_sample(
			&scene, "container_info", PATH,
			"kind=container,runtime=docker,container_id=" WEB ",image_id=,pod_uid=", 1);
		assert_int_equal(scene.counters.metadata_errors, 1);
		scene_end(&scene);
	}
}

static void has_no_health_without_a_check(void **state)
{
	static const struct {
		const char *state;
		int samples, value;
	} rows[] = {
		{ "{}", 0, 0 },
		{ "{\"Health\":null}", 0, 0 },
		{ "{\"Health\":{\"Status\":\"none\"}}", 0, 0 },
		{ "{\"Health\":{\"Status\":\"starting\"}}", 1, 0 },
		{ "{\"Health\":{\"Status\":\"unhealthy\"}}", 1, 0 },
		{ "{\"Health\":[]}", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_free char *json =
			xasprintf("{\"Name\":\"/web\",\"State\":%s}", rows[i].state);
		struct scene scene = scene_with(json);

		scene_collect(&scene);
		assert_int_equal(
			snapshot_family(scene.snapshot, "container_health_state")->n_samples,
			rows[i].samples);
		if (rows[i].samples)
			expect_sample(&scene, "container_health_state", PATH, "",
				      (uint64_t)rows[i].value);
		assert_int_equal(snapshot_family(scene.snapshot, "container_creation_time_seconds")
					 ->n_samples,
				 0);
		scene_end(&scene);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_docker_knows),
		cmocka_unit_test(tells_digests_of_images),
		cmocka_unit_test(tells_digests_of_podmans_images),
		cmocka_unit_test(chooses_labels),
		cmocka_unit_test(chooses_variables),
		cmocka_unit_test(chooses_variables_of_bundles),
		cmocka_unit_test(caps_labels),
		cmocka_unit_test(cuts_long_labels),
		cmocka_unit_test(refuses_invalid_bytes),
		cmocka_unit_test(has_no_health_without_a_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
