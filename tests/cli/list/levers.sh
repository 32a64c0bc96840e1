ingot list levers
