# SPDX-License-Identifier: GPL-2.0
VERSION := 0.1
PREFIX ?= /usr/local
CC := gcc
CLANG ?= clang
BPFTOOL ?= /usr/sbin/bpftool
BUILD := build

CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -DXTUN_VERSION='"$(VERSION)"' -Wall -Wextra -Werror $(CFLAGS) -Iinclude -I$(BUILD)
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -fno-strict-aliasing -Wall -Werror -Werror=switch -Ivmlinux -Iinclude -Ibpf
LIBS := -lxdp -lbpf -lmnl -ljansson -lpcap

SOURCES := $(wildcard user/*.c)
OBJECTS := $(SOURCES:user/%.c=$(BUILD)/user/%.o)
BPF_SOURCES := $(wildcard bpf/*.bpf.c)
BPF_OBJECTS := $(BPF_SOURCES:bpf/%.bpf.c=$(BUILD)/bpf/%.bpf.o)
SKELETONS := $(BPF_SOURCES:bpf/%.bpf.c=$(BUILD)/%.skel.h)
# Everything but main, for the unit tests.
UNIT_OBJECTS := $(filter-out $(BUILD)/user/main.o,$(OBJECTS))
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*.c))

BUILD_PACKAGES := gcc make clang llvm bpftool libbpf-dev libxdp-dev libelf-dev zlib1g-dev libmnl-dev libjansson-dev libpcap-dev linux-libc-dev libc6-dev pkg-config
TEST_PACKAGES := jq groff-base libcmocka-dev python3 python3-scapy iproute2 iputils-ping iputils-arping tcpdump xdp-tools iperf3 strace ethtool procps \
	util-linux netcat-openbsd busybox-static cpio zstd xz-utils qemu-system-x86 kmod libclang-rt-14-dev ca-certificates

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all deps install uninstall clean help check check-bpf check-net check-lab test demo bench bench-lab bench-xdp lab-shell completion tests fuzz
all: $(BUILD)/xtun

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c Makefile
	$(call say,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

$(BUILD)/user/%.o: user/%.c Makefile | $(SKELETONS)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/xtun: $(OBJECTS)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ $(LIBS) -o $@

$(BUILD)/tests/%: tests/unit/%.c $(UNIT_OBJECTS)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Iuser -MMD -MP $< $(UNIT_OBJECTS) $(LIBS) -lcmocka -o $@

$(BUILD)/fuzz/%: tests/fuzz/%.c $(SOURCES) | $(SKELETONS)
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -std=gnu11 -D_GNU_SOURCE -O1 -g -fsanitize=fuzzer,address,undefined -Iinclude -I$(BUILD) -Iuser $< \
		$(filter-out user/main.c,$(SOURCES)) $(LIBS) -o $@

$(BUILD)/bench/%.bpf.o: bench/%.bpf.c Makefile
	$(call say,CLANG,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/bench/%.skel.h: $(BUILD)/bench/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

$(BUILD)/bench/%: bench/%.c $(BUILD)/bench/%.skel.h
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -I$(BUILD)/bench $< -lbpf -o $@

# The tables that it measures are those of the command.
$(BUILD)/bench/lookup: bench/lookup.c bench/lookup.h $(BUILD)/bench/lookup.skel.h $(UNIT_OBJECTS)
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -Iuser -I$(BUILD)/bench $< $(UNIT_OBJECTS) $(LIBS) -o $@

$(BUILD)/bpf/filters: tests/bpf/filters.c $(UNIT_OBJECTS)
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_CFLAGS) -Iuser -MMD -MP $< $(UNIT_OBJECTS) $(LIBS) -o $@

tests: $(UNIT_TESTS) $(BUILD)/bpf/filters
fuzz: $(FUZZERS)

-include $(wildcard $(BUILD)/*/*.d)

deps: ## install the Debian packages that are missing (root)
	$(Q)scripts/deps $(BUILD_PACKAGES) $(TEST_PACKAGES)

install: all ## install the command, its manual and its completion below DESTDIR and PREFIX
	install -D -m 755 $(BUILD)/xtun $(DESTDIR)$(PREFIX)/sbin/xtun
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	$(BUILD)/xtun completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/xtun
	install -d $(DESTDIR)$(PREFIX)/share/man/man8
	$(BUILD)/xtun manual > $(DESTDIR)$(PREFIX)/share/man/man8/xtun.8

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/sbin/xtun $(DESTDIR)$(PREFIX)/share/bash-completion/completions/xtun \
		$(DESTDIR)$(PREFIX)/share/man/man8/xtun.8

completion: all ## print the bash completion script
	@$(BUILD)/xtun completion bash

demo: ## the main job on real traffic, packages included (root)
	$(Q)$(MAKE) --no-print-directory deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)scripts/demo

test: ## every ring of tests, packages included (root)
	$(Q)$(MAKE) --no-print-directory deps
	$(Q)$(MAKE) --no-print-directory all tests fuzz $(BUILD)/bench/gauge
	$(Q)tests/run unit bpf net lab

check: all tests ## unit tests: nothing needed
	$(Q)tests/run unit

check-bpf: all $(BUILD)/bpf/filters ## program test runs against scapy (root)
	$(Q)tests/run bpf

check-net: all $(BUILD)/bench/gauge ## network namespaces on this kernel (root)
	$(Q)tests/run net

check-lab: all $(BUILD)/bench/gauge ## virtual machines with Debian's kernels
	$(Q)tests/run lab

lab-shell: all ## a shell in a virtual machine: make lab-shell KERNEL=6.1
	$(Q)tests/lab/boot -s $(or $(KERNEL),6.1)

bench: all $(BUILD)/bench/flood $(BUILD)/bench/lookup ## measure: table on the screen, JSON in build/ (root)
	$(Q)bench/run

bench-lab: all $(BUILD)/bench/flood ## instructions per packet on the lab's kernels
	$(Q)bench/lab $(KERNEL)

bench-xdp: all $(BUILD)/bench/gauge ## XDP against bare redirects, in nanoseconds here and instructions in the lab (root)
	$(Q)bench/xdp
	$(Q)for kernel in $(or $(KERNEL),$$(tests/lab/kernels | awk '$$1 != "missing" { print $$1 }')); do \
		echo; echo "$$kernel, instructions:"; \
		tests/lab/boot -m -t 1800 $$kernel bench/xdp --rounds 1 --packets 20000 || exit; \
	done

clean: ## remove build/
	rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  \1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'
	@echo '  V=1 shows the commands; DESTDIR= and PREFIX= say where install puts things.'
