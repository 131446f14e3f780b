"""Links into Temporal's Web UI."""

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class UiLinks:
    ui_url: str | None
    """None if there is no Web UI."""
    namespace: str

    def relationships(self, workflow_id: str, run_id: str | None) -> str | None:
        """The page of a run where parent and children are drawn as a tree."""
        run = self.run(workflow_id, run_id)
        return run and f"{run}/relationships"

    def run(self, workflow_id: str, run_id: str | None) -> str | None:
        """The page of a run, with its history."""
        if self.ui_url is None or run_id is None:
            return None
        namespace, workflow = quote(self.namespace, safe=""), quote(workflow_id, safe="")
        return f"{self.ui_url.rstrip('/')}/namespaces/{namespace}/workflows/{workflow}/{run_id}"

    def runs(self, workflow_id: str) -> str | None:
        """Where the runs of a workflow ID are listed: for one whose run is not known."""
        if self.ui_url is None:
            return None
        query = quote(f'WorkflowId="{workflow_id}"', safe="")
        return (
            f"{self.ui_url.rstrip('/')}/namespaces/{quote(self.namespace, safe='')}/workflows?query={query}"
        )
