"""Worker Deployment Versioning: two variables, which the Temporal Worker Controller for Kubernetes sets, say
which version of a deployment this process is. Without them, nothing is versioned."""

from pydantic import BaseModel, Field
from temporalio.api.deployment.v1 import WorkerDeploymentInfo
from temporalio.api.deployment.v1 import WorkerDeploymentVersion as ApiVersion
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import WorkerDeploymentConfig

from order_system.domain.errors import InvalidSettings
from order_system.infra import policy
from order_system.infra.environment import load_own_settings
from order_system.infra.temporal import visibility
from order_system.infra.temporal.connection import if_there

NAME, BUILD = "TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID"
VERSION = "TemporalWorkerDeploymentVersion"
"""The search attribute in which the server keeps a workflow's version, as `deployment:build`."""


class _Variables(BaseModel):
    deployment_name: str | None = Field(None, pattern="^[^.:]+$", description="a name without dot and colon")
    worker_build_id: str | None = Field(None, pattern="^[^:]+$", description="an ID without colon")


def this_version() -> WorkerDeploymentVersion | None:
    """Return the version of this process; None if neither variable is set. Raises InvalidSettings."""
    said = load_own_settings(_Variables, "TEMPORAL_")
    if said.deployment_name and said.worker_build_id:
        return WorkerDeploymentVersion(said.deployment_name, said.worker_build_id)
    if said.deployment_name or said.worker_build_id:
        there, missing = (NAME, BUILD) if said.deployment_name else (BUILD, NAME)
        raise InvalidSettings(f"{there} is set, and {missing} is not: set both, or neither for no versioning")
    return None


def deployment_config() -> WorkerDeploymentConfig | None:
    """Return a worker's configuration: workflows stay on their first version. Raises InvalidSettings."""
    version, pinned = this_version(), VersioningBehavior.PINNED
    return version and WorkerDeploymentConfig(version, True, default_versioning_behavior=pinned)


def in_full(version: WorkerDeploymentVersion | ApiVersion | None) -> str:
    """Return the version as the search attribute has it; empty if there is none."""
    return f"{version.deployment_name}:{version.build_id}" if version and version.deployment_name else ""


def is_on(version: str) -> str:
    """Return the query for workflows on the version; an empty one means those that have no version yet."""
    return f"{VERSION} = {visibility.quoted(version)}" if version else f"{VERSION} IS NULL"


def is_not_on(version: str) -> str:
    other = f"{VERSION} != {visibility.quoted(version)}"
    return f"({VERSION} IS NULL OR {other})" if version else f"{VERSION} IS NOT NULL"


async def describe_deployment(temporal: Client, name: str) -> WorkerDeploymentInfo:
    """Describe a deployment; empty if no worker of it has ever polled. Raises the SDK's RPCError."""
    request = DescribeWorkerDeploymentRequest(namespace=temporal.namespace, deployment_name=name)
    asked = temporal.workflow_service.describe_worker_deployment(request, retry=True, timeout=policy.RPC)
    return answer.worker_deployment_info if (answer := await if_there(asked)) else WorkerDeploymentInfo()
