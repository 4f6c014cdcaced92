"""LeakBench: leaks whose truth is known, and tests that only look like leaks."""
