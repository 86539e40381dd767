# make bench-methods: what each method costs in forward passes; the table goes into docs/methods.md. METHOD_ROUNDS can be set.
METHOD_ROUNDS ?= 3

$(BUILD)/tools/bench_methods: $(BUILD)/obj/tools/bench/bench_methods.o $(BUILD)/obj/tests/support/generator.o $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: bench-methods
bench-methods: $(BUILD)/tools/bench_methods $(BENCH)/vgg16.safetensors $(BENCH)/resnet50.safetensors
	@echo '| network | method | ms | x forward | passes | share of them | at most |' > $(BENCH)/methods.md
	@echo '| --- | --- | --- | --- | --- | --- | --- |' >> $(BENCH)/methods.md
	$(BUILD)/tools/bench_methods vgg16 $(BENCH)/vgg16.safetensors features.3 $(METHOD_ROUNDS) >> $(BENCH)/methods.md
	$(BUILD)/tools/bench_methods resnet50 $(BENCH)/resnet50.safetensors relu $(METHOD_ROUNDS) >> $(BENCH)/methods.md
	@cat $(BENCH)/methods.md
	sh tools/bench/insert.sh docs/methods.md $(BENCH)/methods.md

-include $(BUILD)/obj/tools/bench/bench_methods.d
