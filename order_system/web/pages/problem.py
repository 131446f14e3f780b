"""Problems as people see them: whatever refuses a page, its route or a guard before it, is told on a page."""

from starlette.requests import Request
from starlette.responses import Response

from order_system.web.pages.visit import bare_page
from order_system.web.problems import Problem


def problem_page(request: Request, problem: Problem) -> Response:
    return bare_page(request, "problem.html", status=problem.status, problem=problem)
