# make conformance: the ONNX project's own test models through the importer; the tables go into docs/conformance.md.
# make conformance-exports: torchvision's classification CNNs through torch.onnx.export, logits beside PyTorch's (QUICK=1: the families;
# NETWORKS="resnet18 vgg11": these only, printed and not written down; EXPORTS_ARGS="--budget 600": no new export after ten minutes). Finished
# exports are not run again until the library or the harness changes.
# ONNX_TESTDATA is where Debian's libonnx-testdata keeps them.
ONNX_TESTDATA ?= /usr/share/libonnx-testdata/data
CONFORMANCE := $(BUILD)/conformance
CONFORMANCE_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(addprefix tools/conformance/,conformance.c report.c run.c))

$(BUILD)/tools/conformance: $(CONFORMANCE_OBJECTS) $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

test: $(BUILD)/tools/conformance

.PHONY: conformance
conformance: $(BUILD)/tools/conformance
	@mkdir -p $(CONFORMANCE)
	$< $(ONNX_TESTDATA) > $(CONFORMANCE)/suite.md; status=$$?; head -n 2 $(CONFORMANCE)/suite.md; \
	    $(if $(SANITIZE),,sh tools/conformance/insert.sh docs/conformance.md "make conformance" $(CONFORMANCE)/suite.md &&) exit $$status

CONFORMANCE_PYTHON ?= /usr/bin/python3
NETWORKS ?=
$(BUILD)/tools/logits: $(BUILD)/obj/tools/conformance/logits.o $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: conformance-exports
conformance-exports: $(BUILD)/tools/logits
	@mkdir -p $(CONFORMANCE)
	$(CONFORMANCE_PYTHON) tools/conformance/exports.py --program $< --work $(CONFORMANCE)/exports --out $(CONFORMANCE)/exports.md \
	    $(if $(QUICK),--quick) $(EXPORTS_ARGS) $(NETWORKS); status=$$?; \
	    $(if $(QUICK)$(NETWORKS),,sh tools/conformance/insert.sh docs/conformance.md "make conformance-exports" $(CONFORMANCE)/exports.md &&) exit $$status

-include $(BUILD)/obj/tools/conformance/logits.d
-include $(CONFORMANCE_OBJECTS:.o=.d)
