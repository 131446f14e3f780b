"""How much is measured: in a few minutes, and at the sizes for which all bounds are stated."""

from benchmarks.measurements.batches.figures import Scale as BatchScale
from benchmarks.measurements.calls import Scale as CallScale
from benchmarks.measurements.flows import Scale as FlowScale
from benchmarks.measurements.lists import Scale as ListScale
from benchmarks.measurements.memory import Scale as MemoryScale
from benchmarks.measurements.orders.figures import Scale as OrderScale
from benchmarks.measurements.plan.run import Scale as PlanScale
from benchmarks.measurements.restart import Scale as RestartScale
from benchmarks.measurements.start_up import Scale as StartScale

QUICK_ORDERS = OrderScale(alone=20, turns=5, crowd=60)
QUICK_CALLS = CallScale(orders=40)
QUICK_FLOWS = FlowScale(orders=30)
QUICK_STARTS = StartScale(rounds=5)
QUICK_BATCHES = BatchScale(short=40, long=120, shorts=2, longs=1)
QUICK_PLAN = PlanScale(rows=100_000, rounds=3)
LONG_ORDERS = OrderScale(alone=50, turns=7, crowd=150)
LONG_CALLS = CallScale(orders=300)
LONG_FLOWS = FlowScale(orders=60)
LONG_STARTS = StartScale(rounds=9)
LONG_LISTS = ListScale()
LONG_MEMORY = MemoryScale()
LONG_RESTART = RestartScale()
LONG_BATCHES = BatchScale(short=200, long=2_000, shorts=6, longs=1)
LONG_PLAN = PlanScale(rows=1_000_000, rounds=2)
