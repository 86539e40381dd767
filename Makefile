# libgradcam. `make help` lists the targets. Everything is built below build/; nothing else is written.

CC      ?= cc
AR      ?= ar
CFLAGS  ?= -O3 -g
PREFIX  ?= /usr/local
DESTDIR ?=
BUILD   ?= build
WITH_BLAS ?= auto
WITH_JPEG ?= auto
SANITIZE ?=
V ?=

VERSION_MAJOR := $(shell sed -n 's/^.define GCAM_VERSION_MAJOR //p' include/gradcam/core.h)
VERSION_MINOR := $(shell sed -n 's/^.define GCAM_VERSION_MINOR //p' include/gradcam/core.h)
VERSION_PATCH := $(shell sed -n 's/^.define GCAM_VERSION_PATCH //p' include/gradcam/core.h)
VERSION := $(VERSION_MAJOR).$(VERSION_MINOR).$(VERSION_PATCH)
SONAME  := libgradcam.so.$(VERSION_MAJOR)

PKG_CONFIG ?= pkg-config
WARNINGS := -Wall -Wextra -Wpedantic -Werror -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wwrite-strings -Wundef -Wno-missing-field-initializers
override CPPFLAGS += -D_GNU_SOURCE -Iinclude -Ilib
STB_CFLAGS := $(shell $(PKG_CONFIG) --cflags stb 2>/dev/null || echo -I/usr/include/stb)
STB_IMAGE := $(firstword $(wildcard $(patsubst -I%,%/stb_image.h,$(STB_CFLAGS))))
STB_CFLAGS += -DGCAM_STB_MINOR=$(or $(shell sed -n '1s/.* v2\.\([0-9]*\).*/\1/p' $(STB_IMAGE) /dev/null),0)
LIBS := -lm -pthread
PC_REQUIRES :=

ifneq ($(WITH_BLAS),no)
ifeq ($(shell $(PKG_CONFIG) --exists openblas 2>/dev/null && echo yes),yes)
override CPPFLAGS += -DGCAM_WITH_BLAS $(shell $(PKG_CONFIG) --cflags openblas)
LIBS += $(shell $(PKG_CONFIG) --libs openblas)
PC_REQUIRES += openblas
else ifeq ($(WITH_BLAS),yes)
$(error WITH_BLAS=yes, but pkg-config finds no openblas: run sh tools/setup.sh)
endif
endif
ifneq ($(WITH_JPEG),no)
ifeq ($(shell $(PKG_CONFIG) --exists libjpeg 2>/dev/null && echo yes),yes)
override CPPFLAGS += -DGCAM_WITH_JPEG $(shell $(PKG_CONFIG) --cflags libjpeg)
LIBS += $(shell $(PKG_CONFIG) --libs libjpeg)
PC_REQUIRES += libjpeg
else ifeq ($(WITH_JPEG),yes)
$(error WITH_JPEG=yes, but pkg-config finds no libjpeg: run sh tools/setup.sh)
endif
endif

# SANITIZE=address,undefined or SANITIZE=thread builds into its own folder.
ifneq ($(SANITIZE),)
comma := ,
override BUILD := $(BUILD)/sanitize-$(subst $(comma),-,$(SANITIZE))
# Instrumented code hides from gcc what it knows of sizes, so these warnings lose their footing there.
SANITIZE_FLAGS := -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all -Wno-format-truncation -Wno-maybe-uninitialized
endif

ALL_CFLAGS := -std=c11 $(WARNINGS) $(CFLAGS) $(SANITIZE_FLAGS) -fPIC -fvisibility=hidden -ffp-contract=off -pthread -MMD -MP

LIB_SOURCES := $(sort $(wildcard lib/*/*.c lib/*/*/*.c))
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/obj/%.o)
TOOL_SOURCES := $(sort $(wildcard tools/gradcam/*.c))
TOOL_OBJECTS := $(TOOL_SOURCES:%.c=$(BUILD)/obj/%.o)
EXAMPLE_SOURCES := $(sort $(wildcard examples/[0-9][0-9]_*.c))
EXAMPLES := $(foreach f,$(EXAMPLE_SOURCES),$(BUILD)/examples/$(shell basename $(f) .c | cut -c4-))
SUITES := $(sort $(patsubst tests/suite_%.c,%,$(wildcard tests/suite_*.c)))
TEST_SOURCES := tests/runner.c $(SUITES:%=tests/suite_%.c) $(sort $(wildcard tests/support/*.c))
TEST_OBJECTS := $(TEST_SOURCES:%.c=$(BUILD)/obj/%.o)

STATIC := $(BUILD)/lib/libgradcam.a
SHARED := $(BUILD)/lib/libgradcam.so
COMMAND := $(if $(TOOL_SOURCES),$(BUILD)/bin/gradcam)

Q := $(if $(V),,@)
say = @printf '  %-8s %s\n' $(1) $(2)

.DEFAULT_GOAL := all
.PHONY: all lib demo demo-shapes test lint check asan tsan valgrind format docs install uninstall showconfig clean help
all: lib $(COMMAND) $(EXAMPLES)
lib: $(STATIC) $(SHARED)

# Kernels written for one instruction set are compiled for it; the choice between them is made when the program runs.
# They may contract a * b + c to one instruction; all others may not, so that they round alike everywhere.
ifneq ($(filter x86_64-%,$(shell $(CC) -dumpmachine)),)
$(BUILD)/obj/lib/kernels/%_avx2.o: ARCH_FLAGS := -mavx2 -mfma -mf16c -ffp-contract=fast
$(BUILD)/obj/lib/kernels/%_avx512.o: ARCH_FLAGS := -mavx512f -mavx512dq -mavx512vl -mavx512bw -mavx2 -mfma -mf16c \
                                                  -mprefer-vector-width=512 -ffp-contract=fast
endif
$(BUILD)/obj/lib/kernels/%_neon.o: ARCH_FLAGS := -ffp-contract=fast

$(BUILD)/obj/lib/%.o: lib/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(STB_CFLAGS) $(ALL_CFLAGS) $(ARCH_FLAGS) -c -o $@ $<

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -I$(BUILD)/obj/tests -Itests -Itools -c -o $@ $<

# Objects are rebuilt when the compiler or its flags change.
$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD)
	@echo '$(CC) $(CPPFLAGS) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(CPPFLAGS) $(ALL_CFLAGS)' > $@
.PHONY: FORCE
FORCE:

$(STATIC): $(LIB_OBJECTS)
	@mkdir -p $(@D)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(SHARED): $(LIB_OBJECTS) lib/gradcam.map
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=lib/gradcam.map $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $(LIB_OBJECTS) $(LIBS)
	@ln -sf libgradcam.so $(@D)/$(SONAME)

# A command carries the model that it uses without -m inside it. DEFAULT_MODEL= builds one that carries none.
DEFAULT_MODEL ?= $(wildcard weights/photos11.safetensors)
define link_command
@mkdir -p $(@D)
$(call say,LD,$@)
$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $(TOOL_OBJECTS) $(filter %.embedded.o,$^) $(STATIC) $(LIBS)
endef
# $(call embed,FILE): an object that holds the file, or nothing.
embed = $(CC) $(if $(1),-DDEFAULT_MODEL_FILE='"$(1)"' -DDEFAULT_MODEL_NAME='"$(basename $(notdir $(1)))"') -c -o $@ $<

$(BUILD)/bin/gradcam: $(TOOL_OBJECTS) $(BUILD)/obj/default.embedded.o $(STATIC)
	$(link_command)

$(BUILD)/obj/default.embedded.o: tools/gradcam/default_model.S $(DEFAULT_MODEL) $(BUILD)/default_model
	@mkdir -p $(@D)
	$(call say,EMBED,$(or $(DEFAULT_MODEL),'no model'))
	$(Q)$(call embed,$(DEFAULT_MODEL))

$(BUILD)/default_model: FORCE
	@mkdir -p $(BUILD)
	@echo '$(DEFAULT_MODEL)' | cmp -s - $@ || echo '$(DEFAULT_MODEL)' > $@

# Examples see only the public headers, as a user's program does.
define example_rule
$(BUILD)/examples/$(shell basename $(1) .c | cut -c4-): $(1) $(STATIC)
	@mkdir -p $$(@D)
	$$(call say,CC,$(1))
	$$(Q)$(CC) -std=c11 $(WARNINGS) $(CFLAGS) $(SANITIZE_FLAGS) -Iinclude $(LDFLAGS) -o $$@ $(1) $(STATIC) $(LIBS)
endef
$(foreach f,$(EXAMPLE_SOURCES),$(eval $(call example_rule,$(f))))

$(BUILD)/obj/tests/suites.inc: $(SUITES:%=tests/suite_%.c)
	@mkdir -p $(@D)
	@printf 'SUITE(%s)\n' $(SUITES) > $@
$(BUILD)/obj/tests/runner.o: $(BUILD)/obj/tests/suites.inc

CHECK_LIBS = $(shell $(PKG_CONFIG) --libs check)
$(BUILD)/tests/runner: $(TEST_OBJECTS) $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE_FLAGS) $(LDFLAGS) -o $@ $(TEST_OBJECTS) $(STATIC) $(CHECK_LIBS) $(LIBS)

# Draws the demo's pictures and writes its small model; the tests of the command use them too.
SHAPES := $(BUILD)/demo/shapes
MONTAGE := $(BUILD)/demo/montage
$(SHAPES) $(MONTAGE): $(BUILD)/demo/%: tools/demo/%.c $(STATIC)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -std=c11 $(WARNINGS) $(CFLAGS) $(SANITIZE_FLAGS) -Iinclude $(LDFLAGS) -o $@ $< $(STATIC) $(LIBS)

# Commands for the tests, whatever DEFAULT_MODEL is: one that carries the drawn shapes' model, and one that carries none.
TEST_COMMANDS := $(BUILD)/tests/gradcam-shapes $(BUILD)/tests/gradcam-bare
$(BUILD)/demo/shapes.safetensors: $(SHAPES)
	$(Q)$(SHAPES) $(@D)
$(BUILD)/obj/shapes.embedded.o: tools/gradcam/default_model.S $(BUILD)/demo/shapes.safetensors
	$(Q)$(call embed,$(BUILD)/demo/shapes.safetensors)
$(BUILD)/obj/bare.embedded.o: tools/gradcam/default_model.S
	@mkdir -p $(@D)
	$(Q)$(call embed,)
$(TEST_COMMANDS): $(BUILD)/tests/gradcam-%: $(BUILD)/obj/%.embedded.o $(TOOL_OBJECTS) $(STATIC)
	$(link_command)

# PHOTO is also a variable of make bench, which gives it a value of its own.
demo: all $(SHAPES) $(MONTAGE)
	@sh tools/demo/demo.sh $(BUILD) $(if $(filter file undefined,$(origin PHOTO)),,$(PHOTO))

demo-shapes: all $(SHAPES)
	@sh tools/demo/shapes.sh $(BUILD)

test: all $(SHAPES) $(MONTAGE) $(TEST_COMMANDS) $(BUILD)/tools/eval_default $(BUILD)/tests/runner
	GCAM_BUILD=$(BUILD) GCAM_SANITIZE=$(SANITIZE) CC='$(CC)' $(BUILD)/tests/runner

lint: all
	@CC='$(CC)' sh tools/lint/lint.sh $(BUILD)

check: test lint

# The same tests under other eyes, each in a build folder of its own.
asan:
	$(MAKE) SANITIZE=address,undefined test
tsan:
	$(MAKE) SANITIZE=thread test
valgrind: all $(SHAPES)
	@sh tools/lint/valgrind.sh $(BUILD)

C_FILES = $(shell git ls-files '*.c' '*.h')
format:
	$(Q)clang-format -i $(C_FILES)

docs:
	@mkdir -p $(BUILD)/docs
	(cat docs/Doxyfile; echo 'PROJECT_NUMBER = $(VERSION)'; echo 'OUTPUT_DIRECTORY = $(BUILD)/docs') | doxygen -
	@echo 'written: $(BUILD)/docs/html/index.html'

# ---- installing ---------------------------------------------------------------------------------------------------------
INCLUDEDIR ?= $(PREFIX)/include
LIBDIR ?= $(PREFIX)/lib
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share/gradcam
ROOM_HEADERS := $(sort $(wildcard include/gradcam/*.h))

define PC_TEXT
prefix=$(PREFIX)
includedir=$(INCLUDEDIR)
libdir=$(LIBDIR)
$(if $(DEFAULT_MODEL),default_model=$(DATADIR)/$(notdir $(DEFAULT_MODEL)))

Name: gradcam
Description: Explains convolutional networks: where they look, and what speaks against the answer
Version: $(VERSION)
Cflags: -I$${includedir}
Libs: -L$${libdir} -lgradcam
Libs.private: $(LIBS)
endef
export PC_TEXT

install: all
	install -d $(DESTDIR)$(INCLUDEDIR)/gradcam $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1
	install -m 644 include/gradcam.h $(DESTDIR)$(INCLUDEDIR)/
	install -m 644 $(ROOM_HEADERS) $(DESTDIR)$(INCLUDEDIR)/gradcam/
	install -m 644 $(STATIC) $(DESTDIR)$(LIBDIR)/
	install -m 755 $(SHARED) $(DESTDIR)$(LIBDIR)/libgradcam.so.$(VERSION)
	ln -sf libgradcam.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libgradcam.so
	printf '%s\n' "$$PC_TEXT" > $(DESTDIR)$(LIBDIR)/pkgconfig/gradcam.pc
	chmod 644 $(DESTDIR)$(LIBDIR)/pkgconfig/gradcam.pc
	install -m 755 $(COMMAND) $(DESTDIR)$(BINDIR)/
	install -m 644 docs/gradcam.1 $(DESTDIR)$(MANDIR)/man1/
	$(if $(DEFAULT_MODEL),install -d $(DESTDIR)$(DATADIR) && install -m 644 $(DEFAULT_MODEL) $(DESTDIR)$(DATADIR)/)

uninstall:
	rm -rf $(DESTDIR)$(INCLUDEDIR)/gradcam $(DESTDIR)$(INCLUDEDIR)/gradcam.h
	rm -f $(DESTDIR)$(LIBDIR)/libgradcam.a $(DESTDIR)$(LIBDIR)/libgradcam.so*
	rm -f $(DESTDIR)$(LIBDIR)/pkgconfig/gradcam.pc $(DESTDIR)$(BINDIR)/gradcam $(DESTDIR)$(MANDIR)/man1/gradcam.1
	rm -rf $(DESTDIR)$(DATADIR)

# ---- about this tree ------------------------------------------------------------------------------------------------------
STB_HEADER = $(shell $(CC) $(STB_CFLAGS) -include stb_image.h -x c -M /dev/null 2>/dev/null | tr ' ' '\n' | grep stb_image.h)
STB_VERSION = $(if $(STB_HEADER),$(shell sed -n '1s/.* v\([0-9.]*\) .*/\1/p' $(STB_HEADER)),not found)
showconfig:
	@echo 'version   $(VERSION)'
	@echo 'compiler  $(CC) ($(shell $(CC) -dumpfullversion))'
	@echo 'CFLAGS    $(CFLAGS)'
	@echo 'BLAS      $(if $(findstring GCAM_WITH_BLAS,$(CPPFLAGS)),openblas $(shell $(PKG_CONFIG) --modversion openblas),none: built-in loops)'
	@echo 'JPEG      $(if $(findstring GCAM_WITH_JPEG,$(CPPFLAGS)),libjpeg $(shell $(PKG_CONFIG) --modversion libjpeg),stb_image)'
	@echo 'stb_image $(STB_VERSION)'
	@echo 'built in  $(or $(DEFAULT_MODEL),no model)'
	@echo 'install   PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)'
	@echo 'rooms     $(sort $(notdir $(patsubst %/,%,$(wildcard lib/*/))))'

clean:
	rm -rf $(BUILD)

help:
	@echo 'make              library, command and examples, below $(BUILD)/'
	@echo 'make demo         two photos explained by the built-in network (PHOTO=FILE: one of your own); says what to look at'
	@echo 'make demo-shapes  the same with a drawn picture and a network whose answer is known'
	@echo 'make test         all tests (under a minute)'
	@echo 'make lint         format, rooms, static analysis, symbols and their documentation, sizes'
	@echo 'make check        test and lint'
	@echo 'make asan tsan    the tests under AddressSanitizer + UBSan, under ThreadSanitizer'
	@echo 'make valgrind     the command on the small network under Valgrind'
	@echo 'make fuzz         libFuzzer on every reader of files, FUZZ_SECONDS=60 each (needs clang)'
	@echo 'make parity       numbers beside PyTorch (needs python3-torch)'
	@echo 'make conformance  the ONNX project'"'"'s own test models through the importer (needs libonnx-testdata)'
	@echo 'make conformance-exports  torchvision'"'"'s networks through torch.onnx.export, beside PyTorch (needs python3-torch)'
	@echo 'make parity-train losses of training steps beside PyTorch'
	@echo 'make train-default the embedded default from its photos (DATA=FOLDER; an hour and a half)'
	@echo 'make bench        times and memory beside the peers that are installed; bench-growth -layers -sessions -errors'
	@echo 'make eval-default accuracy and grid pointing game of the built-in network (needs DATA=../shared)'
	@echo 'make bench-methods what each method costs in forward passes'
	@echo 'make methods-gallery  the pictures of docs/methods.md (needs DATA=../shared)'
	@echo 'make format       clang-format over all sources'
	@echo 'make docs         reference manual by doxygen, $(BUILD)/docs/html'
	@echo 'make install      to PREFIX=$(PREFIX), below DESTDIR'
	@echo 'make uninstall    removes what install wrote'
	@echo 'make showconfig   what this build uses'
	@echo 'make clean        removes $(BUILD)/'
	@echo
	@echo 'Variables: CC CFLAGS LDFLAGS PREFIX DESTDIR DEFAULT_MODEL=FILE SANITIZE=address,undefined WITH_BLAS=auto|yes|no WITH_JPEG=auto|yes|no V=1'

-include weights/train.mk tools/eval/eval.mk tools/bench/bench.mk tools/bench/methods.mk tools/gallery/gallery.mk tools/parity/parity.mk tools/conformance/conformance.mk tests/fuzz/fuzz.mk tests/cross/cross.mk
-include $(LIB_OBJECTS:.o=.d) $(TOOL_OBJECTS:.o=.d) $(TEST_OBJECTS:.o=.d)
