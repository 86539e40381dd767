# make train-default: the embedded default from its photos, by one command; an hour and a half on two processors. Stopped, it goes on when
# it is called again. DATA holds train/photos11.tar, or PHOTOS names the unpacked folder. See weights/README.md.
TRAIN  := $(BUILD)/train
PHOTOS ?= $(TRAIN)/photos11
TRAIN_OPTIONS := --graph weights/photos11.net --labels weights/photos11.labels --seed 1 --epochs 33 --batch 64 --lr 0.12 \
                 --weight-decay 0.001 --warm-up 2 --cool-down 8 --first-size 64 --size 96 --growth 16 --dtype f16
TRAIN_LICENSE := research use only: trained on photos that may be used for research

$(TRAIN)/photos11: $(DATA)/train/photos11.tar
	@mkdir -p $(TRAIN)
	$(Q)tar -xf $< -C $(TRAIN) && touch $@

.PHONY: train-default
train-default: all
	@[ -d '$(PHOTOS)' ] || [ -e '$(DATA)/train/photos11.tar' ] || { \
	    echo 'skipped: make train-default needs $(DATA)/train/photos11.tar, or PHOTOS=FOLDER'; exit 0; }; \
	$(MAKE) --no-print-directory $(PHOTOS) && \
	$(BUILD)/bin/gradcam train $(PHOTOS) $(TRAIN_OPTIONS) --license '$(TRAIN_LICENSE)' -o $(TRAIN)/photos11.safetensors && \
	awk -f tools/train/curve.awk $(TRAIN)/photos11.safetensors.tsv > $(TRAIN)/photos11.svg
