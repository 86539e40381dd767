#!/bin/sh
# make demo-shapes: a drawn picture explained by a network whose right answer is known.
#   sh tools/demo/shapes.sh build
set -eu

build=$1
folder=$build/demo
"$folder/shapes" "$folder"
"$build/bin/gradcam" explain "$folder/shapes.png" -m "$folder/shapes.safetensors" --class disc,"upright stripes" \
    --method gradcam,counterfactual,guided-gradcam -o "$folder"
"$build/bin/gradcam" localize "$folder/shapes.png" -m "$folder/shapes.safetensors" --class disc,"upright stripes" -o "$folder"

cat <<END

What to look at: $folder/shapes.sheet.png
The picture shows a bright disc (lower left) and a patch of upright stripes (upper right); the network's weights are set by
hand, so what it must see is known.
  Grad-CAM of "disc"            lights up on the disc, and nowhere on the stripes
  Counterfactual of "disc"      lights up on the stripes: they speak against a disc
  Grad-CAM of "upright stripes" lights up on the stripes; its counterfactual on the disc
  Guided Grad-CAM               the pixels: the surface of the disc, the edges of the stripes, each for its class alone
The network sees the middle square only; the dimmed margins of the overlays are what it never saw.
Try your own: $build/bin/gradcam explain PHOTO -m CHECKPOINT.pth
END
