ingot list memories
