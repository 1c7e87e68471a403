# SPDX-License-Identifier: Apache-2.0
# make run     installs what is missing, builds and runs the exporter on this host
# make test    installs what is missing and runs all tests
# make help    all targets
# Adding a source file, a probe or a test edits nothing here.

BUILD    ?= build
CC       ?= gcc
WERROR   ?= 1
SANITIZE ?=
V        ?= 0

ifeq ($(V),0)
Q   := @
say  = @printf '  %-8s %s\n' $(1) $(patsubst $(BUILD)/%,%,$@);
endif

PACKAGES := libmicrohttpd libbpf jansson yaml-0.1 libpcre2-8 gnutls libcrypt libsystemd libisal libzstd
CFLAGS   ?= -O2 -g
ALL_CFLAGS := -std=gnu17 -I. -I$(BUILD) -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wwrite-strings -Wformat=2 -Wundef -fstack-protector-strong -fPIE -D_GNU_SOURCE \
	$(if $(filter 1,$(WERROR)),-Werror) $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer) \
	$(CFLAGS)
ifneq ($(MAKECMDGOALS),install-build)
ALL_CFLAGS += $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
LIBS       := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lcgroup -lm -pthread
endif
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)

SOURCES := $(filter-out collector/main.c,$(wildcard collector/*.c collector/runtimes/*.c \
	exporters/*.c exporters/api/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
TESTS   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/test_*.c))
SKELETONS := $(patsubst bpf/%.bpf.c,$(BUILD)/bpf/%.skel.h,$(wildcard bpf/*.bpf.c))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all run test test-unit clean help

all: $(BUILD)/tallyman

$(BUILD)/tallyman: $(BUILD)/collector/main.o $(BUILD)/libtallyman.a
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libtallyman.a: $(OBJECTS)
	$(call say,AR)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/%.o: %.c | $(SKELETONS)
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF)
	@mkdir -p $(@D)
	$(Q)clang -g -O2 -target bpf -D__TARGET_ARCH_x86 -I. -I/usr/include/$(shell uname -m)-linux-gnu \
		-Wall -Werror -MMD -MP -c -o $@ $<

$(BUILD)/bpf/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(call say,SKEL)
	$(Q)/usr/sbin/bpftool gen skeleton $< name $* > $@

$(BUILD)/tests/test_%: $(BUILD)/tests/test_%.o $(BUILD)/libtallyman.a
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

test-unit: $(TESTS)
	$(Q)set -e; for t in $(TESTS); do $$t; done

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
