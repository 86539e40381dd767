#!/bin/sh
# make demo: real photos, explained by the network that the command carries.
#   sh tools/demo/demo.sh build [PHOTO...]
# Without a network in the command, or where the photos cannot be had, the drawn shapes take their place.
set -eu

build=$1
shift
gradcam=$build/bin/gradcam
folder=$build/demo
methods=gradcam,counterfactual,guided-gradcam

if ! "$gradcam" doctor --json | grep -q '"built_in": "'; then
    echo 'This build carries no network for photos (weights/photos11.safetensors is absent), so here are drawn shapes.'
    exec sh tools/demo/shapes.sh "$build"
fi
if [ $# -gt 0 ]; then
    "$gradcam" explain "$@" --method "$methods" -o "$folder"
    cat <<END

What to look at: the sheets named above, in $folder/.
  Grad-CAM          where the network found its answer
  Counterfactual    what speaks against it; dark where nothing does
  Guided Grad-CAM   the pixels that count there
The network knows eleven classes only ($gradcam inspect); with a larger one: $gradcam explain PHOTO -m CHECKPOINT.pth
END
    exit
fi
if ! sh tools/demo/photos.sh "$folder/photos"; then
    echo 'Here are drawn shapes instead; make demo PHOTO=FILE explains a photo of your own.'
    exec sh tools/demo/shapes.sh "$build"
fi
# The network takes pictures of any size. It learnt its animals at 128 x 128, head and body in view, so the small dog is shown larger
# and the close-up of the cat smaller.
cp "$folder/photos/dog.jpg" "$folder/photos/cat.png" "$folder"
"$folder/montage" "$folder/dog_and_cat.png" "$folder/dog.jpg,300,60,150,420,420" "$folder/cat.png,160"
"$gradcam" explain "$folder/dog_and_cat.png" --size 128x224 --class dog,cat --method "$methods" -o "$folder"
"$gradcam" explain "$folder/dog.jpg" --size 192x256 --class dog,cat --method "$methods" -o "$folder"
"$gradcam" explain "$folder/cat.png" --size 80x120 --class dog,cat --method "$methods" -o "$folder"

cat <<END

What to look at: $folder/dog_and_cat.sheet.png, then $folder/dog.sheet.png and $folder/cat.sheet.png
One network, one photo, two questions: where is the dog, and where is the cat?
  Grad-CAM of "dog"         lights up on the dog; of "cat", on the cat
  Counterfactual of "dog"   lights up on what speaks against a dog: the cat's face; of "cat", on the bicycle
  Guided Grad-CAM           the pixels that count there: the dog's face and flank, the cat's eyes and forehead
The dimmed margins of the overlays are what the network never saw.
In dog.sheet.png the network is unsure: a small dog before a bicycle is not like the photos it learnt from. Its map for "dog" lies on
the dog all the same, while the one for "cat" clutches at paws and a wheel. In cat.sheet.png it is sure.
Try your own: make demo PHOTO=FILE, or with a larger network: $gradcam explain PHOTO -m CHECKPOINT.pth
END
