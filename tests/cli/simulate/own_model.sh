# A model from a file of one's own, with a task of it, is what it is under its name.
cp "$SOURCE/configs/workloads/seamless-m4t-v2.yaml" mine.yaml
ingot simulate -m h200-sxm -w ./mine.yaml/s-t -q | sed 's|^./mine.yaml|seamless-m4t-v2|' >mine
ingot simulate -m h200-sxm -w seamless-m4t-v2/s-t -q >theirs
cmp mine theirs && head -1 mine
ingot simulate -m h200-sxm -w mine.yaml/s-x
