"""`make properties` asks for many examples; otherwise there are as many as a run of all tests can bear."""

from hypothesis import settings

settings.register_profile("thorough", max_examples=2_000, print_blob=True)
