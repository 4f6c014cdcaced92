"""What others do to find leaks in a test suite, each as a pytest plugin that answers per test."""
