# make test-neon: the kernels' suite on 64-bit ARM, by Debian's gcc-aarch64-linux-gnu and qemu-user-static.
NEON_CC  ?= aarch64-linux-gnu-gcc
NEON_RUN ?= qemu-aarch64-static
NEON_SOURCES := $(wildcard lib/core/*.c lib/kernels/*.c) tests/suite_kernels.c tests/suite_micro.c tests/support/reference.c tests/cross/main.c

.PHONY: test-neon
test-neon: $(BUILD)/tests/neon
	$(NEON_RUN) $<

$(BUILD)/tests/neon: $(NEON_SOURCES) $(wildcard lib/core/*.h lib/kernels/*.h tests/cross/*.h)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(NEON_CC) -std=c11 $(WARNINGS) -O2 -ffp-contract=fast -D_GNU_SOURCE -Iinclude -Ilib -Itests -Itests/cross \
	    -pthread -static -o $@ $(NEON_SOURCES) -lm
