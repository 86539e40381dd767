# make methods-gallery: the pictures of docs/methods.md, on chelsea.png of Debian's python3-skimage (CC0).
# ONLY=rise draws one of them. Needs DATA=../shared, where squeezenet1_1.pth and, for CAM, tiny_darknet.pth lie below models/.
DATA ?= ../shared
GALLERY := $(BUILD)/gallery

$(BUILD)/tools/gallery: tools/gallery/gallery.c $(STATIC)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -std=c11 $(WARNINGS) $(CFLAGS) $(SANITIZE_FLAGS) -Iinclude $(LDFLAGS) -o $@ $< $(STATIC) $(LIBS)

.PHONY: methods-gallery
methods-gallery: $(BUILD)/tools/gallery
	@mkdir -p docs/methods
	sh tools/demo/photos.sh $(GALLERY)
	$(BUILD)/tools/gallery $(GALLERY)/cat.png $(DATA)/models/squeezenet1_1.pth $(DATA)/models/tiny_darknet.pth docs/methods $(ONLY)
