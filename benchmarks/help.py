"""What `python -m benchmarks --help` says."""

HELP = (
    "Measure how fast orders and batches are, and what they take.\n\n"
    "Without a command most benchmarks run, small enough for a few minutes; with --long all of them, at the "
    "sizes for which their bounds are stated."
)
EPILOGUE = """\
How to read it
  What can be a ratio inside one run is one. Its halves are measured in turns
  (A B A B) and compared by medians, since the machine may be slow, or busy with
  something else: columns say how many cores others kept busy, and how many
  million steps of a Python loop a core did in a second of its time. Processor
  time at that speed says what work costs, whatever else goes on.

  An order is compared with two other programs of the same shape: the floor,
  whose activities do nothing, on the same server; and a plain one, as one would
  write it first, on a stock server.

  Each run makes a folder, Temporal servers, a database and workers of its own,
  and removes them. No ORDER_ or TEMPORAL_ variable changes it. Linux only.

Examples
  python -m benchmarks
  python -m benchmarks --long --json figures.json
  python -m benchmarks orders --turns 10 --crowd 120
  python -m benchmarks batches --shorts 10 --longs 2
  python -m benchmarks plan --rows 200_000 --rounds 3
  python -m benchmarks lists
  python -m benchmarks telemetry
  python -m benchmarks sealing
  python -m benchmarks fairness
  python -m benchmarks restart
  python -m benchmarks dbos
  python -m benchmarks postgresql --database-url postgresql+psycopg:///empty
  python -m benchmarks --long --markdown docs/performance.md --json all.json
  python -m benchmarks capacity all.json --markdown docs/scaling.md

Exit codes
  0    every bound that is stated for this size holds
  1    one does not, or nothing was measured that may count: an audit was not
       clean, a plan was wrong, a batch did not end
  2    invalid usage
  130  stopped by Ctrl-C
"""
