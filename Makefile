# Tocsin: two commands for people (run, test), the rest for those who work on it. `make help` lists them; V=1 shows commands.
# Everything generated lands under build/. A source file is found by its folder: adding one needs no line here.
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash

# MODE: empty (release), san (ASan + UBSan) or fuzz (clang, libFuzzer instrumentation). Each has its own tree of objects.
MODE ?=
BUILD ?= build
OUT := $(BUILD)$(if $(MODE),/$(MODE))
GEN := $(BUILD)/gen
Q := $(if $(V),,@)
PREFIX ?= /usr
VERSION := 0.1.0

LIBS_LIB := libuv libnghttp2 libssl libcrypto libcyaml zlib libprotobuf-c libsodium
LIBS_AGENT := libbpf libcap-ng
LIBS_COLLECTOR := sqlite3 libmicrohttpd jansson
LIBS_CTL := libcurl jansson

, := ,
WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wformat=2 -Werror
CC := $(if $(filter fuzz,$(MODE)),clang,gcc)
OPT := $(if $(MODE),-O1 -g -fno-omit-frame-pointer,-O2 -g)
SAN := $(if $(filter san,$(MODE)),-fsanitize=address$(,)undefined -fno-sanitize-recover=all)$(if $(filter fuzz,$(MODE)),-fsanitize=fuzzer-no-link$(,)address$(,)undefined -fno-sanitize-recover=all)
CFLAGS_ALL = -std=gnu11 -D_GNU_SOURCE -DTOCSIN_VERSION='"$(VERSION)"' -I. -isystem $(GEN) $(WARN) $(OPT) $(LTO_OBJ) $(SAN) -fstack-protector-strong \
	$(if $(MODE),,-D_FORTIFY_SOURCE=2) -fPIE $(CFLAGS)
LDFLAGS_ALL = $(SAN) $(or $(LTO),-fno-lto) -pie -Wl,-z,relro,-z,now $(LDFLAGS)
# Recipes ask pkg-config when they run: before that, it may not be installed.
PKG = $$(pkg-config --libs $(1))

DEPS := $(BUILD)/.packages
NPM := node_modules/.package-lock.json

LIB_OBJ := $(patsubst %.c,$(OUT)/obj/%.o,$(wildcard lib/*.c proto/*.c)) $(OUT)/obj/gen/tocsin.pb-c.o $(OUT)/obj/gen/spool.pb-c.o
AGENT_OBJ := $(patsubst %.c,$(OUT)/obj/%.o,$(filter-out agent/main.c,$(wildcard agent/*.c agent/*/*.c)))
COLLECTOR_OBJ := $(patsubst %.c,$(OUT)/obj/%.o,$(filter-out collector/main.c collector/ctl/%,$(wildcard collector/*.c collector/*/*.c))) $(OUT)/obj/gen/dashboard.o
CTL_OBJ := $(patsubst %.c,$(OUT)/obj/%.o,$(wildcard collector/ctl/*.c))

# The agent is optimised whole when it is linked: a request's way leads through a dozen files of small functions, and inlining across them saves
# a twelfth of its instructions. What else is linked from the same objects does without, which takes a tenth of the time.
$(AGENT_OBJ) $(LIB_OBJ) $(OUT)/obj/agent/main.o: private LTO_OBJ := $(if $(MODE),,-flto -ffat-lto-objects)
$(OUT)/tocsin-agent $(patsubst %,$(OUT)/tests/bench/bench_%,streams combined): private LTO := $(if $(MODE),,-flto=auto)

.PHONY: all run demo test bench soak fuzz fmt lint clean install help unit deps
all: $(OUT)/tocsin-agent $(OUT)/tocsin-collector $(OUT)/tocsinctl

help:
	@echo "make run       collector and agent on this host, with live probes; prints the dashboard's address and login"
	@echo "make demo      the same, plus nginx with a small forum, signed-in users and weeks of history"
	@echo "make test      every test        make unit   the unit tests alone"
	@echo "make bench     figures beside their peers        make fuzz   each parser, FUZZ_SECONDS=600 each"
	@echo "make lint fmt clean install"

# ---- packages: what is missing is installed, by name; node_modules from the lock file ----
deps: $(DEPS) $(NPM)
$(DEPS): deploy/debian-packages
	$(Q)mkdir -p $(@D)
	$(Q)deploy/install-packages $<
	$(Q)touch $@
$(NPM): package.json package-lock.json | $(DEPS)
	$(Q)npm ci --no-audit --no-fund --loglevel=error
	$(Q)touch $@

# ---- generated: protobuf types, the probe's skeleton, the dashboard ----
# protobuf-c turns `string` into NUL-terminated copies; ours are spans, and a NUL inside a name must be seen to be refused. `bytes` is the same wire form.
$(GEN)/%.pb-c.c $(GEN)/%.pb-c.h: proto/%.proto Makefile | $(DEPS)
	@echo "  PROTO   $<"
	$(Q)mkdir -p $(GEN) && sed 's/^  string /  bytes /' $< > $(GEN)/$*.proto && protoc-c --proto_path=$(GEN) --c_out=$(GEN) $(GEN)/$*.proto
$(OUT)/obj/gen/%.pb-c.o: $(GEN)/%.pb-c.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -I$(GEN) $(OPT) $(SAN) -fPIE -c -o $@ $<
$(OUT)/obj/collector/api/openapi.o: collector/api/openapi.yaml
$(OUT)/obj/proto/window.o: $(GEN)/tocsin.pb-c.h
$(OUT)/obj/proto/record.o: $(GEN)/spool.pb-c.h

# UAPI headers and minimal CO-RE declarations only: no vmlinux.h, so this builds where there is no BTF.
$(GEN)/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h) | $(DEPS)
	@echo "  BPF     $<"
	$(Q)mkdir -p $(GEN) && clang -g -O2 -target bpf -mcpu=v3 -Wall -Wextra -Werror -I. -I/usr/include/$$(uname -m)-linux-gnu -c -o $@ $<
	$(Q)llvm-strip -g $@
$(GEN)/%.skel.h: $(GEN)/%.bpf.o
	$(Q){ echo '/* NOLINTBEGIN: generated */'; bpftool gen skeleton $< name $*_bpf; echo '/* NOLINTEND */'; } > $@
# Said here, because -MMD leaves system headers out.
$(patsubst bpf/%.bpf.c,$(OUT)/obj/agent/probe/%_probe.o,$(wildcard bpf/*.bpf.c)): $(OUT)/obj/agent/probe/%_probe.o: $(GEN)/%.skel.h

include collector/dashboard/dashboard.mk

# ---- objects, archives, programs ----
$(OUT)/obj/%.o: %.c | $(DEPS)
	@mkdir -p $(@D)
	@echo "  CC      $(if $(MODE),[$(MODE)] )$<"
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(OUT)/lib%.a:
	$(Q)rm -f $@ && ar rcs $@ $^
$(OUT)/libtocsin.a: $(LIB_OBJ)
$(OUT)/libagent.a: $(AGENT_OBJ)
$(OUT)/libcollector.a: $(COLLECTOR_OBJ)

$(OUT)/tocsin-agent: $(OUT)/obj/agent/main.o $(OUT)/libagent.a $(OUT)/libtocsin.a
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call PKG,$(LIBS_AGENT) $(LIBS_LIB)) -lpthread -lm
$(OUT)/tocsin-collector: $(OUT)/obj/collector/main.o $(OUT)/libcollector.a $(OUT)/libtocsin.a
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call PKG,$(LIBS_COLLECTOR) $(LIBS_LIB)) -lpthread -lm
$(OUT)/tocsinctl: $(CTL_OBJ) $(OUT)/libtocsin.a
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call PKG,$(LIBS_CTL) $(LIBS_LIB)) -lpthread -lm

# ---- tests: tests/unit/<part>/test_<noun>.c links the part's archive and lib ----
UNIT_LIB := $(patsubst %.c,$(OUT)/%,$(wildcard tests/unit/lib/test_*.c))
UNIT_AGENT := $(patsubst %.c,$(OUT)/%,$(wildcard tests/unit/agent/test_*.c))
UNIT_COLLECTOR := $(patsubst %.c,$(OUT)/%,$(wildcard tests/unit/collector/test_*.c))
UNIT := $(UNIT_LIB) $(UNIT_AGENT) $(UNIT_COLLECTOR)
$(UNIT_AGENT): $(OUT)/libagent.a
$(UNIT_COLLECTOR): $(OUT)/libcollector.a
$(OUT)/tests/unit/%: $(OUT)/obj/tests/unit/%.o $(OUT)/libtocsin.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $< $(filter-out %libtocsin.a,$(filter %.a,$^)) $(OUT)/libtocsin.a \
		$(call PKG,cmocka $(LIBS_AGENT) $(LIBS_COLLECTOR) $(LIBS_CTL) $(LIBS_LIB)) -lpthread -lm

unit: $(UNIT)
	$(Q)for t in $(UNIT); do echo "  TEST    $$t"; $$t || exit 1; done

# tests/probe/test_<noun>.c: as the unit tests, with the rig, and as root.
PROBE_TESTS := $(patsubst %.c,$(OUT)/%,$(wildcard tests/probe/test_*.c))
$(OUT)/tests/probe/%: $(OUT)/obj/tests/probe/%.o $(OUT)/obj/tests/probe/rig.o $(OUT)/libagent.a $(OUT)/libtocsin.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call PKG,cmocka $(LIBS_AGENT) $(LIBS_LIB)) -lpthread -lm
probe-tests: $(PROBE_TESTS)
	$(Q)for t in $(PROBE_TESTS); do echo "  TEST    $$t"; $$t || exit 1; done
.PHONY: probe-tests

test: ; $(Q)tests/run

# tests/bench/bench_<noun>.c: prints one section of figures. The reference is the peer that bench_http measures beside our agent.
BENCH := $(patsubst %.c,$(OUT)/%,$(wildcard tests/bench/bench_*.c)) $(OUT)/tests/bench/http_reference
$(GEN)/bench/%.bpf.o: tests/bench/%.bpf.c $(wildcard tests/bench/*.h) | $(DEPS)
	@echo "  BPF     $<"
	@mkdir -p $(@D)
	$(Q)clang -g -O2 -target bpf -mcpu=v3 -Wall -Wextra -Werror -I. -I/usr/include/$$(uname -m)-linux-gnu -c -o $@ $<
	$(Q)llvm-strip -g $@
$(GEN)/bench/%.skel.h: $(GEN)/bench/%.bpf.o
	$(Q){ echo '/* NOLINTBEGIN: generated */'; bpftool gen skeleton $< name $*_bpf; echo '/* NOLINTEND */'; } > $@
$(OUT)/obj/tests/bench/http_reference.o: $(GEN)/bench/http_reference.skel.h
$(OUT)/tests/bench/%: $(OUT)/obj/tests/bench/%.o $(OUT)/libagent.a $(OUT)/libcollector.a $(OUT)/libtocsin.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call PKG,$(LIBS_AGENT) $(LIBS_COLLECTOR) $(LIBS_LIB)) -lpthread -lm
bench-programs: $(BENCH)
bench: all bench-programs ; $(Q)tests/bench/run
.PHONY: bench-programs
soak: all ; $(Q)tests/run soak

# tests/fuzz/<part>/fuzz_<noun>.c: one target a parser, seeds in tests/fuzz/seeds/<noun>/.
FUZZ := $(patsubst %.c,$(OUT)/%,$(wildcard tests/fuzz/*/fuzz_*.c))
FUZZ_SECONDS ?= 600
$(filter $(OUT)/tests/fuzz/agent/%,$(FUZZ)): $(OUT)/libagent.a
$(filter $(OUT)/tests/fuzz/collector/%,$(FUZZ)): $(OUT)/libcollector.a
$(OUT)/tests/fuzz/%: $(OUT)/obj/tests/fuzz/%.o $(OUT)/libtocsin.a
	@mkdir -p $(@D)
	$(Q)clang -fsanitize=fuzzer,address,undefined -o $@ $< $(filter-out %libtocsin.a,$(filter %.a,$^)) $(OUT)/libtocsin.a \
		$(call PKG,$(LIBS_AGENT) $(LIBS_COLLECTOR) $(LIBS_LIB)) -lpthread -lm
fuzz:
	$(Q)$(MAKE) MODE=fuzz fuzz-targets
	$(Q)tests/fuzz/run $(FUZZ_SECONDS)
.PHONY: fuzz-targets
fuzz-targets: $(FUZZ)

C_FILES := $(shell git ls-files '*.c' '*.h' 2>/dev/null)
fmt: | $(DEPS)
	$(Q)clang-format -i $(C_FILES)
lint: $(GEN)/bench/http_reference.skel.h | $(DEPS)
	$(Q)clang-format --dry-run -Werror $(C_FILES)
	$(Q)tests/lint

run: all ; $(Q)deploy/run
demo: all ; $(Q)deploy/run demo

install: all
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin $(OUT)/tocsin-agent $(OUT)/tocsin-collector $(OUT)/tocsinctl

clean:
	rm -rf build node_modules

-include $(shell find $(OUT)/obj -name '*.d' 2>/dev/null)
