# make bench: the library beside the peers that are installed; the tables go into docs/performance.md and, of two threads, README.md.
# THREADS, ROUNDS, SECONDS, GATE (seconds to wait for a quiet machine before each process) and PHOTO can be set; NET=vgg16 measures one
# network and writes into no document. Without PHOTO the rows of whole processes are left out.
THREADS ?= 2
ROUNDS  ?= 3
SECONDS ?= 1.5
GATE    ?= 20
PHOTO   ?= $(wildcard $(DATA)/photos/cat_dog_640.jpg)
NET     ?=
BENCH   := $(BUILD)/bench
BENCH_NETS := vgg16 alexnet squeezenet1_1 googlenet resnet18 resnet50 mobilenet_v2 densenet121 vgg16-quarter
BENCH_MODELS := $(patsubst %,$(BENCH)/%.safetensors,$(or $(NET),$(BENCH_NETS)))

$(BUILD)/tools/bench_worker: $(BUILD)/obj/tools/bench/worker.o $(BUILD)/obj/tests/support/generator.o $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/tools/bench: $(BUILD)/obj/tools/bench/bench.o $(BUILD)/obj/tools/bench/report.o $(BUILD)/obj/tools/bench/process.o
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^

$(BENCH)/%.safetensors: | $(BUILD)/tools/bench_worker
	@mkdir -p $(@D)
	$(call say,MAKE,$@)
	$(Q)$(BUILD)/tools/bench_worker make $* $@

# Biases so low that at most a quarter of the rows of fc6 and fc7 is live.
$(BENCH)/vgg16-quarter.safetensors: | $(BUILD)/tools/bench_worker
	@mkdir -p $(@D)
	$(call say,MAKE,$@)
	$(Q)$(BUILD)/tools/bench_worker make vgg16 $@ live=24

TABLE := $(BENCH)/table-$(THREADS).md
WRITE_TABLES := sh tools/bench/insert.sh docs/performance.md $(TABLE) table-$(THREADS) && \
    $(if $(filter 2,$(THREADS)),sh tools/bench/insert.sh README.md $(BENCH)/summary-2.md bench &&)
.PHONY: bench
bench: all $(BUILD)/tools/bench $(BUILD)/tools/bench_worker $(BENCH_MODELS)
	$(BUILD)/tools/bench $(BENCH) --bin $(BUILD) --threads $(THREADS) --rounds $(ROUNDS) --seconds $(SECONDS) --gate $(GATE) \
	    --summary $(BENCH)/summary-$(THREADS).md $(if $(PHOTO),--photo $(PHOTO)) $(if $(NET),--net $(NET)) > $(TABLE); \
	    status=$$?; cat $(TABLE); $(if $(NET),,$(WRITE_TABLES)) exit $$status

# make bench-growth: how the cost grows with the picture's side, the batch, threads and classes, as a drawing for docs/performance.md.
# A run that was stopped goes on where it was; after MINUTES no further round begins.
MINUTES ?= 6
.PHONY: bench-growth
bench-growth: $(BUILD)/tools/bench_growth $(BUILD)/tools/bench_worker $(BENCH)/vgg16.safetensors $(BENCH)/resnet50.safetensors
	$(BUILD)/tools/bench_growth $(BENCH) --bin $(BUILD) --rounds $(ROUNDS) --gate $(GATE) --minutes $(MINUTES) \
	    --svg docs/growth.svg > $(BENCH)/growth.md
	cat $(BENCH)/growth.md
	sh tools/bench/insert.sh docs/performance.md $(BENCH)/growth.md growth

# make bench-layers NET=resnet50: where the time of a forward pass goes. DOC=1: grouped, and into docs/performance.md, which has a place for
# vgg16, resnet50 and mobilenet_v2.
DOC ?=
LAYERS_NET := $(or $(NET),vgg16)
LAYERS := $(BENCH)/layers-$(LAYERS_NET)
.PHONY: bench-layers
bench-layers: $(BUILD)/tools/bench_layers $(BENCH)/$(LAYERS_NET).safetensors
	$(BUILD)/tools/bench_layers $(BENCH)/$(LAYERS_NET).safetensors $(THREADS) 0.1 $(LAYERS).json $(if $(DOC),grouped > $(LAYERS).md)
	$(if $(DOC),cat $(LAYERS).md && sh tools/bench/insert.sh docs/performance.md $(LAYERS).md layers-$(LAYERS_NET))

# make bench-sessions: four sessions in four threads of the host program beside one session.
.PHONY: bench-sessions
bench-sessions: $(BUILD)/tools/bench_sessions $(BENCH)/resnet50.safetensors
	$(BUILD)/tools/bench_sessions $(BENCH)/resnet50.safetensors $(SECONDS) $(ROUNDS) > $(BENCH)/sessions.md
	cat $(BENCH)/sessions.md
	sh tools/bench/insert.sh docs/performance.md $(BENCH)/sessions.md sessions

$(BUILD)/tools/bench_sessions: $(BUILD)/obj/tools/bench/sessions.o $(BUILD)/obj/tests/support/generator.o $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

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
-include $(BUILD)/obj/tools/bench/worker.d $(BUILD)/obj/tools/bench/bench.d $(BUILD)/obj/tools/bench/report.d $(BUILD)/obj/tools/bench/process.d

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
-include $(BUILD)/obj/tools/bench/errors.d $(BUILD)/obj/tools/bench/sessions.d
