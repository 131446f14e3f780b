"""Links into Temporal's Web UI."""

from dataclasses import dataclass
from urllib.parse import quote, urlsplit


@dataclass(frozen=True)
class UiLinks:
    ui_url: str | None
    """None if there is no Web UI."""
    namespace: str

    @property
    def origin(self) -> str:
        """The Web UI's origin, as a browser names it."""
        found = urlsplit(self.ui_url or "")
        return f"{found.scheme}://{found.netloc}"

    def relationships(self, workflow_id: str, run_id: str | None) -> str | None:
        """The page of a run where parent and children are drawn as a tree."""
        run = self.run(workflow_id, run_id)
        return run and f"{run}/relationships"

    def run(self, workflow_id: str, run_id: str | None) -> str | None:
        """The page of a run, with its history."""
        workflows = self._workflows if run_id else None
        return workflows and f"{workflows}/{quote(workflow_id, safe='')}/{run_id}"

    def runs(self, workflow_id: str) -> str | None:
        """The list of a workflow ID's runs, for a workflow whose run is not known."""
        query = quote(f'WorkflowId="{workflow_id}"', safe="")
        return self._workflows and f"{self._workflows}?query={query}"

    @property
    def _workflows(self) -> str | None:
        namespace = quote(self.namespace, safe="")
        return self.ui_url and f"{self.ui_url.rstrip('/')}/namespaces/{namespace}/workflows"
