"""The exercise's shape as one would write it first: the defaults of worker, sandbox and server throughout.

Nothing here is a straw man. It is right while nothing fails, undoes what returned when something does, and
reads well; it only has not met the sandbox's import rules or a profiler. Its imports and literal time-outs
are what most first programs have, so they stay as they are.
"""
