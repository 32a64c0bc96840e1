ingot list kinds
