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

# make bench-growth: how the cost grows with the picture's side, the batch, threads and classes, as a drawing for docs/performance.md.
.PHONY: bench-growth
bench-growth: $(BUILD)/tools/bench_growth $(BUILD)/tools/bench_worker $(BENCH)/vgg16.safetensors $(BENCH)/resnet50.safetensors
	$(BUILD)/tools/bench_growth $(BENCH) --bin $(BUILD) --rounds $(ROUNDS) --svg docs/growth.svg > $(BENCH)/growth.md
	cat $(BENCH)/growth.md
	sh tools/bench/insert.sh docs/performance.md $(BENCH)/growth.md growth

# make bench-layers NET=resnet50: where the time of a forward pass goes.
.PHONY: bench-layers
bench-layers: $(BUILD)/tools/bench_layers $(BENCH)/$(or $(NET),vgg16).safetensors
	$(BUILD)/tools/bench_layers $(BENCH)/$(or $(NET),vgg16).safetensors $(THREADS) 0.1 $(BENCH)/layers-$(or $(NET),vgg16).json

# make bench-errors: each convolution algorithm against sums in double precision.
.PHONY: bench-errors
bench-errors: $(BUILD)/tools/bench_errors
	@mkdir -p $(BENCH)
	$(BUILD)/tools/bench_errors > $(BENCH)/errors.md
	cat $(BENCH)/errors.md
	sh tools/bench/insert.sh docs/performance.md $(BENCH)/errors.md errors

$(BUILD)/tools/bench_growth: $(BUILD)/obj/tools/bench/growth.o $(BUILD)/obj/tools/bench/chart.o $(BUILD)/obj/tools/bench/process.o
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^ -lm

$(BUILD)/tools/bench_layers: $(BUILD)/obj/tools/bench/layers.o $(BUILD)/obj/tests/support/generator.o $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/tools/bench_errors: $(BUILD)/obj/tools/bench/errors.o $(BUILD)/obj/tests/support/reference.o $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

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
-include $(BUILD)/obj/tools/bench/growth.d $(BUILD)/obj/tools/bench/chart.d $(BUILD)/obj/tools/bench/layers.d
-include $(BUILD)/obj/tools/bench/errors.d
