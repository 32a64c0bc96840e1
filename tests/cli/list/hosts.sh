ingot list hosts
