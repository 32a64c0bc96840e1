ingot trace bogus
