"""Problems as people see them: whatever refuses a page, its route or a guard before it, is told on a page."""

from starlette.requests import Request
from starlette.responses import Response

from order_system.web.pages.visit import bare_page
from order_system.web.problems import Problem

_TITLES = {
    403: "You may not do that",
    404: "There is nothing here",
    409: "That is not possible right now",
    413: "That is too large",
    422: "Something is wrong with that",
    500: "Something went wrong here",
    502: "The Temporal server refused the request",
    503: "A service is not answering right now",
}


def problem_page(request: Request, problem: Problem) -> Response:
    title = _TITLES.get(problem.status, problem.title)
    return bare_page(request, "problem.html", status=problem.status, title=title, detail=problem.detail)
