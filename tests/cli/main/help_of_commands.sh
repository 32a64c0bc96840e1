# Every command that the program lists has a help with an example.
ingot --help | awk '/^commands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }' | while read -r command; do
    ingot "$command" --help | tr -s '\n ' ' ' | grep -qE "examples?:.* ingot $command" || echo "$command has no example"
done
