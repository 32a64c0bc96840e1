ingot --version
ingot simulate --version
