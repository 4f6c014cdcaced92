"""With what really releases: clients closed, patches stopped, mocks of one test."""
