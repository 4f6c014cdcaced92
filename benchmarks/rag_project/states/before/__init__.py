"""As the owner found it: stores, mocks and patches are made and dropped."""
