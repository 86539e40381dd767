# make parity: the library against PyTorch. make golden: new expected outputs for the golden cases of make test.
# DATA holds models/ and photos/ for the cases with trained networks; QUICK=1 is the short form.
PARITY_PYTHON ?= /usr/bin/python3
DATA ?= ../shared

$(BUILD)/tools/parity_dump: $(BUILD)/obj/tools/parity/dump.o $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $< $(STATIC) $(LIBS)

$(BUILD)/tools/train_losses: $(BUILD)/obj/tools/parity/train_losses.o $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $< $(STATIC) $(LIBS)

$(BUILD)/tools/dump_methods: $(BUILD)/obj/tools/parity/dump_methods.o $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $< $(STATIC) $(LIBS)

.PHONY: parity parity-methods parity-train golden
parity: $(BUILD)/tools/parity_dump
	$(PARITY_PYTHON) tools/parity/parity.py --dump $< --work $(BUILD)/parity --shared $(DATA) --docs docs/parity.md \
	    $(if $(QUICK),--quick) $(PARITY_ARGS)

# The methods that make parity has not: relevance, the rest of the CAM family, samples, paths, perturbation.
parity-methods: $(BUILD)/tools/dump_methods
	$(PARITY_PYTHON) tools/parity/methods_parity.py --dump $< --work $(BUILD)/parity --shared $(DATA) \
	    --docs docs/parity-methods.md $(if $(QUICK),--quick) $(PARITY_ARGS)

# The loss of the first training steps beside PyTorch's.
parity-train: $(BUILD)/tools/train_losses
	$(PARITY_PYTHON) tools/parity/train_parity.py --program $< --work $(BUILD)/parity/train

golden:
	$(PARITY_PYTHON) tools/parity/make_golden.py tests/golden
	$(PARITY_PYTHON) tools/parity/train_parity.py --golden tests/golden/train.golden
	$(PARITY_PYTHON) tools/parity/published.py tests/fixtures/torchvision_weights.tsv

-include $(BUILD)/obj/tools/parity/dump.d $(BUILD)/obj/tools/parity/dump_methods.d $(BUILD)/obj/tools/parity/train_losses.d
