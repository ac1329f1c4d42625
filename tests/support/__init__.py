"""What the tests share and no user needs; fakes for users live in strongroom.testing."""
