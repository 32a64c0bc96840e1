# Every command that the program lists has a help with an example, and takes -q and -v.
ingot --help | awk '/^commands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }' | while read -r command; do
    for word in "example: ingot $command" --quiet --verbose; do
        ingot "$command" --help | tr -s '\n ' ' ' | grep -qF -e "$word" || echo "ingot $command --help lacks: $word"
    done
done
