"""Who leaks, what holds it, and whether a fix let it go."""
