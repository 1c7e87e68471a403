# SPDX-License-Identifier: Apache-2.0
# make run     installs what is missing, builds, and runs the exporter on this host (ARGS='--flag ...')
# make test    installs what is missing and runs all tests
# make help    all targets
# Adding a source file, a probe or a test edits nothing here.

ifeq ($(origin CC),default)
CC := gcc
endif
WERROR   ?= 1
SANITIZE ?=
V        ?= 0
PREFIX   ?= /usr/local
# Objects of each compiler and sanitizer have a place of their own, so nothing is built twice.
BUILD    ?= build$(if $(findstring clang,$(notdir $(CC))),/clang)$(if $(SANITIZE),/$(if \
	$(findstring address,$(SANITIZE)),asan,$(SANITIZE)))
BPFTOOL  ?= $(or $(shell command -v bpftool),/usr/sbin/bpftool)

MAKEFLAGS += -r
# A -j of the command line wins.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif

ifeq ($(V),0)
Q   := @
say  = @printf '  %-8s %s\n' $(1) $(patsubst $(BUILD)/%,%,$@)
endif

PACKAGES := libmicrohttpd libbpf jansson yaml-0.1 libpcre2-8 gnutls libcrypt libsystemd libisal libzstd libseccomp
# Asked once, and only when something is compiled: make run may have to install the packages first.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $$(PACKAGES)))$(PKG_CFLAGS)
LIBS       = $(eval LIBS := $$(shell pkg-config --libs $$(PACKAGES)) -lcgroup -lm -pthread)$(LIBS)

CFLAGS     ?= $(if $(SANITIZE),-O1,-O2) -g
OPTIMISED  := $(filter -O1 -O2 -O3 -Os -Oz,$(CFLAGS))
WARNINGS   := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
	-Wformat=2 -Wundef $(if $(filter 1,$(WERROR)),-Werror)
HARDENING  := -fPIE -fstack-protector-strong -fstack-clash-protection \
	$(if $(SANITIZE),,$(if $(OPTIMISED),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3))
SANITIZER  := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer \
	$(if $(findstring undefined,$(SANITIZE)),-fno-sanitize-recover=undefined))
ALL_CFLAGS  = -std=gnu17 -D_GNU_SOURCE -I. -I$(BUILD) $(WARNINGS) $(HARDENING) $(SANITIZER) $(CFLAGS) $(PKG_CFLAGS)
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack $(SANITIZER) $(LDFLAGS)

SOURCES := $(filter-out collector/main.c,$(wildcard collector/*.c collector/*/*.c \
	exporters/*.c exporters/api/*.c exporters/web/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
TESTS   := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/test_*.c tests/host/test_*.c))
# Whatever tests share beside test_*.c is linked into each of them.
TEST_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/test_%,$(wildcard tests/*.c)))
# The controls of the benchmarks are probes, too.
PROBES  := $(wildcard bpf/*.bpf.c bench/*.bpf.c)
SKELETONS := $(PROBES:%.bpf.c=$(BUILD)/%.skel.h)

.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
.PHONY: all tests run test demo test-unit test-host test-e2e test-vm test-full lint format golden bench benches \
	packages-build packages-test install uninstall clean help FORCE

all: $(BUILD)/tallyman

$(BUILD)/tallyman: $(BUILD)/collector/main.o $(BUILD)/libtallyman.a
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libtallyman.a: $(OBJECTS)
	$(call say,AR)
	$(Q)rm -f $@ && ar rcsP $@ $^

$(BUILD)/%.o: %.c $(BUILD)/.flags | $(SKELETONS)
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Files that the assembler puts into the program.
$(BUILD)/exporters/assets.o: $(wildcard exporters/api/*.json $(addprefix exporters/web/*.,css html js svg))

# Written only when it changes, so that a commit compiles one file again.
VERSION_LINES = \#define TALLYMAN_VERSION "$(shell cat VERSION)"\n\#define TALLYMAN_REVISION "$(or \
	$(REVISION),$(shell git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null),unknown)"\n
$(BUILD)/collector/version_build.h: FORCE
	@mkdir -p $(@D)
	@printf '$(VERSION_LINES)' > $@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(BUILD)/collector/version.o build/tidy/collector/version.ok: | $(BUILD)/collector/version_build.h

# Other flags, other objects: written only when they change.
$(BUILD)/.flags: FORCE
	@mkdir -p $(@D)
	@pkg-config --exists $(PACKAGES) || { \
		echo 'Libraries are missing; tools/install-packages build installs:'; \
		pkg-config --print-errors --exists $(PACKAGES) 2>&1 | grep '^Package'; exit 1; } >&2
	@echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' | cmp -s - $@ || \
		echo '$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)' > $@

# $(call bpf,architecture as libbpf names it)
bpf = clang -g -O2 -target bpf $(BPF_FLAGS) -D__TARGET_ARCH_$(1) -I. -I/usr/include/$(shell uname -m)-linux-gnu \
	-Wall -Werror -MMD -MP -c -o $@ $<
BPF_ARCH := $(patsubst x86_64,x86,$(patsubst aarch64,arm64,$(shell uname -m)))

# Compare and swap, and the value that an atomic operation found: version 3 of the instructions, since 5.12.
%/connections.bpf.o %/connections.bpf.other.o %/requests.bpf.o %/requests.bpf.other.o: BPF_FLAGS := -mcpu=v3

$(BUILD)/%.bpf.o: %.bpf.c
	$(call say,BPF)
	@mkdir -p $(@D)
	$(Q)$(call bpf,$(BPF_ARCH))

$(BUILD)/%.bpf.other.o: %.bpf.c
	$(call say,BPF)
	@mkdir -p $(@D)
	$(Q)$(call bpf,$(if $(filter x86,$(BPF_ARCH)),arm64,x86))

# What bpftool writes is not ours to tidy.
$(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(call say,SKEL)
	$(Q){ echo '/* NOLINTBEGIN */'; $(BPFTOOL) gen skeleton $< name $(notdir $*); echo '/* NOLINTEND */'; } > $@

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(TEST_OBJECTS) $(BUILD)/libtallyman.a
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka $(TEST_LIBS)

# What parsers keep is words to all others, as in the kernel's own programs.
$(BUILD)/tests/test_protocol%: ALL_CFLAGS += -fno-strict-aliasing

# The protobuf format is decoded by code that the tests alone have. It is not ours to tidy.
$(BUILD)/tests/metrics.pb-c.c: tests/metrics.proto
	$(call say,PROTOC)
	@mkdir -p $(@D)
	$(Q)protoc-c --proto_path=tests --c_out=$(@D) $<
$(BUILD)/tests/metrics.pb-c.o: $(BUILD)/tests/metrics.pb-c.c
	$(call say,CC)
	$(Q)$(CC) $(filter-out -Werror,$(ALL_CFLAGS)) -w -c -o $@ $<
$(BUILD)/tests/test_protobuf.o build/tidy/tests/test_protobuf.ok: | $(BUILD)/tests/metrics.pb-c.c
$(BUILD)/tests/test_protobuf: $(BUILD)/tests/metrics.pb-c.o
$(BUILD)/tests/test_protobuf: TEST_LIBS := -lprotobuf-c
$(BUILD)/tests/test_compress: TEST_LIBS := -lz

tests: $(TESTS)

# bench/NAME.c is a benchmark of its own; bench/support/ is linked into each.
BENCHES := $(patsubst %.c,$(BUILD)/%,$(filter-out %.bpf.c,$(wildcard bench/*.c)))
BENCH_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard bench/support/*.c))

$(BUILD)/bench/%: $(BUILD)/bench/%.o $(BENCH_OBJECTS) $(BUILD)/libtallyman.a
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) $(BENCH_LIBS)

# Compressors that are measured, and not used.
$(BUILD)/bench/render: BENCH_LIBS := -ldeflate -lz

benches: $(BENCHES)

# The two commands. Each starts make again, because packages may only now be there.

packages-build:
	@tools/install-packages build
packages-test:
	@tools/install-packages build test

run: packages-build
	@$(MAKE) --no-print-directory all
	@$(if $(findstring listen-address,$(ARGS)),,echo 'Tallyman on http://127.0.0.1:10061/ - Ctrl-C ends it';) \
		exec $(BUILD)/tallyman $(ARGS)

# A machine with containers under a load that changes, the exporter, Prometheus with the rules, Alertmanager.
demo: packages-test
	@$(MAKE) --no-print-directory all
	@exec tools/demo $(ARGS)

test: packages-test
	@tests/run build lint unit host e2e vm
test-full: packages-test
	@tests/run --long build lint unit host e2e vm
test-unit: packages-test
	@tests/run build-asan unit
test-host: packages-test
	@tests/run build-asan host
test-e2e: packages-test
	@tests/run build-gcc build-asan e2e
# KERNEL=6.12 for one kernel. The machines are kept in build/vm; VM_CACHE=FOLDER puts them elsewhere.
test-vm: packages-test
	@tests/run build-gcc vm$(if $(KERNEL),-$(KERNEL))
lint: packages-test
	@tests/run build-gcc lint

# clang-tidy has one stamp per file, so only what changed is looked at again.
TIDY_SOURCES := $(wildcard $(SOURCES) collector/main.c tests/*.c tests/host/*.c $(filter-out %.bpf.c,$(wildcard bench/*.c)) bench/support/*.c)
TIDY_STAMPS  := $(TIDY_SOURCES:%.c=build/tidy/%.ok)
.PHONY: tidy bpf-other
tidy: $(TIDY_STAMPS)
build/tidy/%.ok: %.c .clang-tidy | $(SKELETONS)
	$(call say,TIDY)
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet $< -- -std=gnu17 -D_GNU_SOURCE -I. -I$(BUILD) $(PKG_CFLAGS) > $@.out 2> $@.err \
		|| { cat $@.out; grep -v 'warnings\? \(generated\|treated\)' $@.err; exit 1; }
	@clang -MM -MP -MT $@ -MF $(@:.ok=.d) -std=gnu17 -D_GNU_SOURCE -I. -I$(BUILD) $(PKG_CFLAGS) $<
	@touch $@

# The probes, compiled for the architecture that this machine is not of.
bpf-other: $(PROBES:%.bpf.c=$(BUILD)/%.bpf.other.o)

format: packages-test
	$(Q)git ls-files '*.c' '*.h' | xargs -r clang-format -i

golden: all $(BUILD)/tests/test_prometheus
	$(Q)TALLYMAN=$(abspath $(BUILD)/tallyman) tests/e2e/test_golden.py --write
	$(Q)UPDATE_GOLDEN=1 $(BUILD)/tests/test_prometheus

# What is said of options and metrics, from their tables.
.PHONY: docs
docs: $(BUILD)/tallyman
	@mkdir -p docs
	$(Q)$< --help-markdown > docs/options.md
	$(Q)$< --help-yaml > deploy/tallyman.example.yaml
	$(Q)$< --help-man > deploy/tallyman.8
	$(Q)$< --help-metrics > METRICS.md

METRICS.md: $(BUILD)/tallyman
	$(Q)$< --help-metrics > $@

bench: packages-test
	@$(MAKE) --no-print-directory all benches
	$(Q)BUILD=$(BUILD) bench/run $(BENCH)

# The units say where the binary went.
UNITS := $(notdir $(wildcard deploy/systemd/*))
install: all
	install -D -m 755 $(BUILD)/tallyman $(DESTDIR)$(PREFIX)/bin/tallyman
	install -D -m 644 deploy/tallyman.example.yaml $(DESTDIR)$(PREFIX)/share/doc/tallyman/tallyman.example.yaml
	install -D -m 644 deploy/tallyman.8 $(DESTDIR)$(PREFIX)/share/man/man8/tallyman.8
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	$(Q)for unit in $(UNITS); do \
		sed 's|=/usr/bin/|=$(PREFIX)/bin/|' deploy/systemd/$$unit > $(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit \
			&& chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit || exit 1; done

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/tallyman $(DESTDIR)$(PREFIX)/share/man/man8/tallyman.8 \
		$(UNITS:%=$(DESTDIR)$(PREFIX)/lib/systemd/system/%)
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/tallyman

clean:
	rm -rf $(BUILD)

help:
	@echo 'make run        install what is missing, build, run on this host; ARGS="--flag ..."'
	@echo 'make test       install what is missing, run all tests'
	@echo 'make demo       containers under load in a virtual machine, Prometheus with the rules, Alertmanager'
	@echo 'make test-full  the same with long soaks; test-unit, test-host, test-e2e, test-vm, lint are parts'
	@echo 'make            build build/tallyman; CC=clang, SANITIZE=address,undefined, WERROR=0, V=1'
	@echo 'make bench      benchmarks; BENCH=name for one; BENCH=peers beside other exporters'
	@echo 'make golden     rewrite tests/golden/ from what the exporter says now'
	@echo 'make docs       rewrite METRICS.md, docs/options.md, the example configuration, the manual page'
	@echo 'make format     clang-format everything'
	@echo 'make install    DESTDIR=, PREFIX=/usr/local; uninstall takes it away'
	@echo 'make clean'

-include $(OBJECTS:.o=.d) $(BUILD)/collector/main.d $(TESTS:=.d) $(TEST_OBJECTS:.o=.d) \
	$(BENCHES:=.d) $(BENCH_OBJECTS:.o=.d) \
	$(PROBES:%.bpf.c=$(BUILD)/%.bpf.d) $(TIDY_STAMPS:.ok=.d)
