"""`/api/docs`: the OpenAPI document as a page, and what each type of problem means. The page needs no script,
and nothing from other sites."""

import json
from collections import defaultdict
from inspect import cleandoc
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from order_system.web.pages.visit import Visit
from order_system.web.problems import EXPLAINED, TYPES

router = APIRouter()


@router.get(EXPLAINED)
async def show(visit: Visit) -> Response:
    document: dict[str, Any] = visit.request.app.openapi()
    by_tag: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag[operation["tags"][0]].append({"path": path, "method": method.upper(), **operation})
    return await visit.page(
        "api_docs.html",
        calm=True,
        document=document,
        operations=by_tag,
        problems={name: cleandoc(kind.__doc__ or "") for kind, name in sorted(TYPES.items(), key=str)},
        as_text=_as_text,
    )


def _as_text(example: object) -> str:
    return example if isinstance(example, str) else json.dumps(example, indent=2)
