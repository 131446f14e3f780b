"""What is done by hand during a run, and what must hold after it. Each raises AssertionError."""

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.cluster.hosts import NEEDS_ATTENTION
from tests.cluster.meter import statuses
from tests.cluster.nodes import ADDRESSES, PORTS
from tests.fixtures.shops.batch_shop import row
from tests.fixtures.steering.waiting import wait_until

if TYPE_CHECKING:
    from tests.cluster.run import Cluster

STUCK, HELD, TERMINATED = "ORDER-001", "ORDER-002", "ORDER-003"
"""Of the sample orders' numbers, in the order in which they are submitted."""
SETTLED_SECONDS = 240
"""A reconciler that runs every minute, on a machine that others use, too."""
ON_SERVER = {"Completed": "fulfilled", "Failed": "failed", "Canceled": "cancelled"}
CUSTOMER = row("ANY")[3]
"""An e-mail address that every order of a batch has."""


def make_current(cluster: "Cluster", version: dict[str, str]) -> None:
    """New orders go to this version, if our workers take part in Temporal's worker versioning."""
    deployment = version["TEMPORAL_DEPLOYMENT_NAME"]
    listed = cluster.server.cli("worker", "deployment", "list", "--output", "json")
    if deployment not in listed.stdout:
        return
    build = version["TEMPORAL_WORKER_BUILD_ID"]
    words = (
        "worker",
        "deployment",
        "set-current-version",
        "--deployment-name",
        deployment,
        "--build-id",
        build,
    )
    done = cluster.server.cli(*words, "--yes")
    assert done.returncode == 0, done.stderr


def alone(cluster: "Cluster", batch: str) -> list[float]:
    """Seconds of each order of a batch, from start to end of its workflow, as the server has them."""

    def seconds(told: dict[str, Any]) -> float:
        began, ended = (datetime.fromisoformat(told[name]) for name in ("startTime", "closeTime"))
        return (ended - began).total_seconds()

    return sorted(map(seconds, _on_server(cluster, batch)))


def leave_three_waiting(cluster: "Cluster") -> list[str]:
    """An undo that is stuck, an order that is held, and one that somebody terminates."""
    for story in ("refund-never", "dispatch-refused-and-held", "dispatch-refused-and-held"):
        cluster.shop.starter("--scenario", story, codes=(NEEDS_ATTENTION,))
    done = cluster.server.cli(
        "workflow", "terminate", "--workflow-id", f"order-{TERMINATED}", "--reason", "a test"
    )
    assert done.returncode == 0, done.stderr
    return [STUCK, HELD]


def all_hold(cluster: "Cluster", waiting: list[str], batches: tuple[str, ...]) -> list[str]:
    """What was looked at, in words."""
    return [
        _attention_is_answered(cluster, waiting),
        _terminated_is_settled(cluster),
        *(_report_agrees(cluster, batch) for batch in batches),
        _audit_is_clean(cluster),
        _schedule_runs(cluster),
        _payloads_are_sealed(cluster),
        _only_certificates_get_in(cluster),
        _hosts_drain(cluster),
    ]


def _attention_is_answered(cluster: "Cluster", waiting: list[str]) -> str:
    shop = cluster.shop
    listed = {each["order_id"] for each in shop.starter("attention", codes=(NEEDS_ATTENTION,))}
    assert set(waiting) <= listed, listed
    shop.starter("resolve", STUCK, "payment", "--handled", "--note", "refunded by hand, ticket 123")
    shop.starter("give-up", HELD)
    wait_until(
        lambda: not shop.starter("attention", codes=(0, NEEDS_ATTENTION)),
        SETTLED_SECONDS,
        "nothing to wait for a person",
    )
    return f"{len(waiting)} orders waited for a person through all strikes, and were answered after them."


def _terminated_is_settled(cluster: "Cluster") -> str:
    def settled() -> bool:
        with cluster.postgresql.connect("orders") as connection:
            query = "SELECT closed_at FROM book_submissions WHERE order_id = %s"
            row = connection.execute(query, (TERMINATED,)).fetchone()
        return row is not None and row[0] is not None

    wait_until(settled, SETTLED_SECONDS, f"{TERMINATED} to be settled by the reconciler")
    return "An order whose workflow was terminated was undone by the reconciler on its schedule."


def _report_agrees(cluster: "Cluster", batch: str) -> str:
    """The batch's report, the order book and the server: three records of the same orders."""
    lines: list[dict[str, Any]] = cluster.shop.starter("batch", "outcome", batch)["lines"]
    reported = {line["order_id"]: line["status"] for line in lines}
    assert reported == statuses(cluster.postgresql, batch), batch
    seen: dict[str, str] = {}

    def agrees() -> bool:  # the server's lists lag behind a little
        seen.clear()
        for told in _on_server(cluster, batch):
            status = str(told["status"]).removeprefix("WORKFLOW_EXECUTION_STATUS_").capitalize()
            seen[told["execution"]["workflowId"].removeprefix("order-")] = ON_SERVER.get(status, status)
        return seen == reported

    wait_until(agrees, SETTLED_SECONDS, f"server and report of {batch} to agree: {len(seen)}")
    counts = ", ".join(
        f"{list(reported.values()).count(each)} {each}" for each in sorted(set(reported.values()))
    )
    return f"Report, order book and server say the same of each order of batch `{batch}`: {counts}."


def _on_server(cluster: "Cluster", batch: str) -> list[dict[str, Any]]:
    query = f"WorkflowType = 'OrderFulfillmentWorkflow' AND BatchName = '{batch}'"
    listed = cluster.server.cli("workflow", "list", "--query", query, "--limit", "10000", "--output", "jsonl")
    assert listed.returncode == 0, listed.stderr
    return [json.loads(line) for line in listed.stdout.splitlines()]


def _audit_is_clean(cluster: "Cluster") -> str:
    audit = cluster.shop.starter("audit")
    assert audit["clean"], audit["checks"]
    assert not audit["open_submissions"], audit["open_submissions"]
    effects = sum(audit["effects"].values())
    return f"The audit is clean: {len(audit['checks'])} checks over {effects:,} effects, no order open."


def _schedule_runs(cluster: "Cluster") -> str:
    listed = cluster.server.cli("schedule", "list", "--output", "json")
    names = [each["scheduleId"] for each in json.loads(listed.stdout)]
    assert len(names) == 1, listed.stdout
    told = cluster.server.cli("schedule", "describe", "--schedule-id", names[0], "--output", "json")
    actions = int(json.loads(told.stdout)["info"]["actionCount"])
    assert actions > 0, told.stdout
    return f"The reconciler's schedule has started it {actions} times."


def _payloads_are_sealed(cluster: "Cluster") -> str:
    """In the server's own stores; an order's ID, which stays in clear, shows that we look right."""
    query = "SELECT count(*) FROM history_node WHERE position(%s::bytea IN data) > 0"
    with cluster.postgresql.connect("temporal") as connection:
        found = {
            word: connection.execute(query, (word.encode(),)).fetchone()
            for word in (CUSTOMER, "order-STRUCK-0000")
        }
    (personal,), (order,) = (each or (0,) for each in found.values())
    assert (personal, order) > (-1, 0), found
    assert personal == 0, f"{CUSTOMER} is in {personal} rows"
    return f"No row of the server's histories holds the customers' e-mail; {order} hold one order's ID."


def _only_certificates_get_in(cluster: "Cluster") -> str:
    refused = cluster.server.cli("operator", "cluster", "health", certificate=False)
    assert refused.returncode != 0, refused.stdout
    assert re.search("certificate|tls|handshake|EOF|broken|reset", refused.stderr, re.I), refused.stderr
    assert cluster.server.cli("operator", "cluster", "health").returncode == 0
    return f"Without a certificate {ADDRESSES['frontend']}:{PORTS['frontend']} refuses; with ours it answers."


def _hosts_drain(cluster: "Cluster") -> str:
    codes = [host.stop() for host in cluster.hosts.values()]
    assert codes == [0] * len(codes), codes
    return "Told to stop, both hosts drained and ended with exit code 0."
