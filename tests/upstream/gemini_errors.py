"""Google's error bodies.

Formats: Gemini API, "Troubleshooting guide" (status names) and google.rpc.Status with its details ErrorInfo
and RetryInfo, which is where Google says when to come back: it sends no retry-after header.
"""

from __future__ import annotations

from .brain import Ask
from .directives import Fault
from .schema import Json
from .wire import about, size, sse

_STATUS = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: (
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
        "valid authentication credential.",
    ),
    402: ("FAILED_PRECONDITION", "Your prepayment credits are depleted."),
    403: ("PERMISSION_DENIED", "The caller does not have permission."),
    404: ("NOT_FOUND", "The model is not found for API version v1beta, or is not supported for generateContent."),
    408: ("CANCELLED", "The request took too long to arrive."),
    409: ("ABORTED", "The operation was aborted."),
    413: ("INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes."),
    422: ("INVALID_ARGUMENT", "The request could not be processed."),
    429: ("RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details."),
    500: ("INTERNAL", "An internal error has occurred. Please retry."),
    502: ("UNAVAILABLE", "Bad gateway."),
    503: ("UNAVAILABLE", "The model is experiencing high demand. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "The request did not finish before its deadline."),
    529: ("UNAVAILABLE", "The service is overloaded."),
}
_TYPE = "type.googleapis.com/google.rpc."


class GeminiErrors:
    """Google's error bodies, shared by every endpoint of this vendor."""

    name = "gemini"

    def error(self, status: int, message: str) -> Json:
        kind = _STATUS.get(status, _STATUS[500 if status >= 500 else 400])[0]
        return {"error": {"code": status, "message": message, "status": kind}}

    def fault_error(self, fault: Fault, ask: Ask) -> Json:
        word = about(ask)
        if fault.variant == "context":
            count = f"({size(ask)}) exceeds the maximum number of tokens allowed ({size(ask) - 1})"
            return self.error(fault.status, f"The input token count {count}. It begins at '{word}'.")
        if fault.variant == "content":
            # Google blocks a prompt with a 200 ([[refuse prompt]]); these are the words its SDK raises for one.
            return self.error(fault.status, f"The response was blocked. It was about '{word}'.")
        if fault.variant == "key":
            body = self.error(fault.status, f"API key not valid. Please pass a valid API key. '{word}'")
            info = {"@type": f"{_TYPE}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
            body["error"]["details"] = [info]
            return body
        body = self.error(fault.status, f"{_STATUS.get(fault.status, _STATUS[500])[1]} '{word}'")
        if fault.retry_after:
            body["error"]["details"] = [{"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{fault.retry_after}s"}]
        return body

    def error_frame(self, message: str) -> bytes:
        return sse(self.error(503, message))
