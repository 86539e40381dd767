# make conformance: the ONNX project's own test models through the importer; the tables go into docs/conformance.md.
# ONNX_TESTDATA is where Debian's libonnx-testdata keeps them.
ONNX_TESTDATA ?= /usr/share/libonnx-testdata/data
CONFORMANCE := $(BUILD)/conformance
CONFORMANCE_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard tools/conformance/*.c)))

$(BUILD)/tools/conformance: $(CONFORMANCE_OBJECTS) $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

test: $(BUILD)/tools/conformance

.PHONY: conformance
conformance: $(BUILD)/tools/conformance
	@mkdir -p $(CONFORMANCE)
	$< $(ONNX_TESTDATA) > $(CONFORMANCE)/suite.md; status=$$?; head -n 2 $(CONFORMANCE)/suite.md; \
	    $(if $(SANITIZE),,sh tools/bench/insert.sh docs/conformance.md $(CONFORMANCE)/suite.md &&) exit $$status

-include $(CONFORMANCE_OBJECTS:.o=.d)
