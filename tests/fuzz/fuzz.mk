# Fuzzing. `make fuzz FUZZ_SECONDS=600` runs every target tests/fuzz/fuzz_NAME.c for that long, one after the other (clang, libFuzzer,
# AddressSanitizer, UBSan); FUZZ="zip json" chooses. Corpora grow in $(BUILD)/fuzz/corpus and are taken up again by the next run.
# onnx_graph also takes the models of ONNX_TESTDATA as seeds where they are installed.
# The targets are also part of the test runner, which replays seeds and tests/fuzz/corpus.

FUZZ_SECONDS ?= 60
FUZZ_CC ?= clang
FUZZ_ALL := $(sort $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))
FUZZ ?= $(FUZZ_ALL)
FUZZ_BUILD := $(BUILD)/fuzz
FUZZ_CFLAGS := -std=c11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -DGCAM_FUZZ_ALONE

# ---- in the test runner, and alone with an ordinary main ---------------------------------------------------------------------
FUZZ_TEST_OBJECTS := $(FUZZ_ALL:%=$(BUILD)/obj/tests/fuzz/fuzz_%.o)
TEST_OBJECTS += $(FUZZ_TEST_OBJECTS)
$(BUILD)/tests/runner: $(FUZZ_TEST_OBJECTS)

$(BUILD)/obj/tests/targets.inc: $(FUZZ_ALL:%=tests/fuzz/fuzz_%.c)
	@mkdir -p $(@D)
	@printf 'TARGET(%s)\n' $(FUZZ_ALL) > $@
$(BUILD)/obj/tests/suite_fuzz.o $(BUILD)/obj/tests/fuzz/replay_main.o: $(BUILD)/obj/tests/targets.inc

FUZZ_SUPPORT := blob checkpoints fuzz_tables
REPLAY_OBJECTS := $(BUILD)/obj/tests/fuzz/replay_main.o $(FUZZ_TEST_OBJECTS) $(FUZZ_SUPPORT:%=$(BUILD)/obj/tests/support/%.o)
$(FUZZ_BUILD)/replay: $(REPLAY_OBJECTS) $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $(REPLAY_OBJECTS) $(STATIC) $(LIBS)

# ---- libFuzzer --------------------------------------------------------------------------------------------------------------
FUZZ_SOURCES := $(LIB_SOURCES) $(FUZZ_SUPPORT:%=tests/support/%.c)
FUZZ_OBJECTS := $(FUZZ_SOURCES:%.c=$(FUZZ_BUILD)/obj/%.o)
# Kernels are linked, not fuzzed: no file reaches them.
$(FUZZ_BUILD)/obj/lib/kernels/%.o: FUZZ_CFLAGS := -std=c11 -O1
$(FUZZ_BUILD)/obj/lib/kernels/%_avx2.o: ARCH_FLAGS := -mavx2 -mfma -mf16c
$(FUZZ_BUILD)/obj/lib/kernels/%_avx512.o: ARCH_FLAGS := -mavx512f -mavx512dq -mavx512vl -mavx512bw -mavx2 -mfma -mf16c
$(FUZZ_BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CLANG,$<)
	$(Q)$(FUZZ_CC) $(CPPFLAGS) $(STB_CFLAGS) $(FUZZ_CFLAGS) $(ARCH_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -Itests -c -o $@ $<
$(FUZZ_BUILD)/readers.a: $(FUZZ_OBJECTS)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(FUZZ_BUILD)/bin/%: $(FUZZ_BUILD)/obj/tests/fuzz/fuzz_%.o $(FUZZ_BUILD)/readers.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)
.PRECIOUS: $(FUZZ_BUILD)/obj/%.o

.PHONY: fuzz
fuzz: $(FUZZ_BUILD)/replay $(FUZZ:%=$(FUZZ_BUILD)/bin/%)
	@ONNX_TESTDATA=$(ONNX_TESTDATA) sh tests/fuzz/fuzz.sh $(FUZZ_BUILD) $(FUZZ_SECONDS) $(FUZZ)

-include $(FUZZ_OBJECTS:.o=.d) $(FUZZ_TEST_OBJECTS:.o=.d) $(BUILD)/obj/tests/fuzz/replay_main.d
