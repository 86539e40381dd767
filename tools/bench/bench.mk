# make bench: the library beside the peers that are installed; the table goes into docs/performance.md.
# THREADS, ROUNDS, SECONDS and PHOTO can be set; NET=vgg16 measures one network. Without PHOTO the whole-process row is left out.
THREADS ?= 2
ROUNDS  ?= 3
SECONDS ?= 1.5
PHOTO   ?= $(wildcard $(DATA)/photos/cat_dog_640.jpg)
NET     ?=
BENCH   := $(BUILD)/bench
BENCH_NETS := vgg16 alexnet squeezenet1_1 googlenet resnet18 resnet50 mobilenet_v2 densenet121
BENCH_MODELS := $(patsubst %,$(BENCH)/%.safetensors,$(or $(NET),$(BENCH_NETS)))

$(BUILD)/tools/bench_worker: $(BUILD)/obj/tools/bench/worker.o $(BUILD)/obj/tests/support/generator.o $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/tools/bench: $(BUILD)/obj/tools/bench/bench.o $(BUILD)/obj/tools/bench/process.o
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^

$(BENCH)/%.safetensors: | $(BUILD)/tools/bench_worker
	@mkdir -p $(@D)
	$(call say,MAKE,$@)
	$(Q)$(BUILD)/tools/bench_worker make $* $@

.PHONY: bench
bench: all $(BUILD)/tools/bench $(BUILD)/tools/bench_worker $(BENCH_MODELS)
	$(BUILD)/tools/bench $(BENCH) --bin $(BUILD) --threads $(THREADS) --rounds $(ROUNDS) --seconds $(SECONDS) \
	    $(if $(PHOTO),--photo $(PHOTO)) $(if $(NET),--net $(NET)) > $(BENCH)/table.md; status=$$?; cat $(BENCH)/table.md; \
	    $(if $(NET),,sh tools/bench/insert.sh docs/performance.md $(BENCH)/table.md &&) exit $$status

# make bench-kernels: the machine's limits and each layer shape alone. ARGS are passed on.
.PHONY: bench-kernels
bench-kernels: $(BUILD)/tools/bench_kernels
	$(BUILD)/tools/bench_kernels --threads $(THREADS) $(ARGS)

$(BUILD)/tools/bench_kernels: $(BUILD)/obj/tools/bench/bench_kernels.o $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

-include $(BUILD)/obj/tools/bench/bench_kernels.d
-include $(BUILD)/obj/tools/bench/worker.d $(BUILD)/obj/tools/bench/bench.d $(BUILD)/obj/tools/bench/process.d

# make bench-train: forward and backward passes of a training step. ARGS: batch, size, threads, rounds.
.PHONY: bench-train
bench-train: $(BUILD)/tools/bench_train
	$(BUILD)/tools/bench_train weights/photos11.net $(ARGS)

$(BUILD)/tools/bench_train: $(BUILD)/obj/tools/bench/bench_train.o $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

-include $(BUILD)/obj/tools/bench/bench_train.d
