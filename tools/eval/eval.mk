# make eval-default: accuracy, confusion table and grid pointing game of the embedded default, into docs/evaluation.md.
# DATA holds train/photos11.tar; MODEL and MONTAGES can be set. build/tools/eval_default takes any model and folder of class folders.
MODEL    ?= $(DEFAULT_MODEL)
MONTAGES ?= 500
EVAL     := $(BUILD)/eval
EVAL_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard tools/eval/*.c)))

$(BUILD)/tools/eval_default: $(EVAL_OBJECTS) $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# Only the photos for validation, which the network was not trained on.
$(EVAL)/photos11/val: $(DATA)/train/photos11.tar
	@mkdir -p $(EVAL)
	$(Q)tar -xf $< -C $(EVAL) photos11/val && touch $@

.PHONY: eval-default
eval-default: $(BUILD)/tools/eval_default
	@[ -n '$(MODEL)' ] || { echo 'skipped: make eval-default needs weights/photos11.safetensors, or MODEL=FILE'; exit 0; }; \
	[ -e '$(DATA)/train/photos11.tar' ] || { echo 'skipped: make eval-default needs $(DATA)/train/photos11.tar'; exit 0; }; \
	$(MAKE) --no-print-directory $(EVAL)/photos11/val && \
	$(BUILD)/tools/eval_default $(MODEL) $(EVAL)/photos11/val --montages $(MONTAGES) > $(EVAL)/table.md; status=$$?; \
	cat $(EVAL)/table.md; [ $$status -ne 0 ] || [ '$(MODEL)' != '$(DEFAULT_MODEL)' ] || [ ! -e docs/evaluation.md ] || \
	sh tools/bench/insert.sh docs/evaluation.md $(EVAL)/table.md; exit $$status

-include $(EVAL_OBJECTS:.o=.d)
