#include "control-plane/http/problem.h"

#include <nlohmann/json.hpp>

#include "shared/base/string_views.h"

namespace perigee::control {
namespace {

struct Row {
  absl::StatusCode code;
  int http;
  const char* name;
  const char* next;
};

constexpr const char* kSeeLog = "see the log of the control plane, and try again";

constexpr Row kRows[] = {
    {absl::StatusCode::kInvalidArgument, 400, "INVALID_ARGUMENT", "correct the request and send it again"},
    {absl::StatusCode::kUnauthenticated, 401, "UNAUTHENTICATED", "check the credential and send it again"},
    {absl::StatusCode::kPermissionDenied, 403, "PERMISSION_DENIED", "ask an operator of this cloud"},
    {absl::StatusCode::kNotFound, 404, "NOT_FOUND", "check the name"},
    {absl::StatusCode::kAborted, 409, "ABORTED", "send the request again"},
    {absl::StatusCode::kAlreadyExists, 409, "ALREADY_EXISTS", "choose another name"},
    {absl::StatusCode::kFailedPrecondition, 409, "FAILED_PRECONDITION", "remove the obstacle and try again"},
    {absl::StatusCode::kOutOfRange, 400, "OUT_OF_RANGE", "correct the request and send it again"},
    {absl::StatusCode::kResourceExhausted, 429, "RESOURCE_EXHAUSTED", "try again later"},
    {absl::StatusCode::kUnavailable, 503, "UNAVAILABLE", "try again in some seconds"},
    {absl::StatusCode::kCancelled, 503, "CANCELLED", "try again in some seconds"},
    {absl::StatusCode::kDeadlineExceeded, 504, "DEADLINE_EXCEEDED", "try again in some seconds"},
    {absl::StatusCode::kUnimplemented, 501, "UNIMPLEMENTED", "use another way"},
    {absl::StatusCode::kInternal, 500, "INTERNAL", kSeeLog},
    {absl::StatusCode::kDataLoss, 500, "DATA_LOSS", kSeeLog},
    {absl::StatusCode::kUnknown, 500, "UNKNOWN", kSeeLog},
};

const Row& RowOf(absl::StatusCode code) {
  for (const Row& row : kRows) {
    if (row.code == code) return row;
  }
  return kRows[std::size(kRows) - 1];
}

const char* Title(int http_status) {
  switch (http_status) {
    case 400:
      return "Bad request";
    case 401:
      return "Not authenticated";
    case 403:
      return "Not allowed";
    case 404:
      return "Not found";
    case 405:
      return "Method not allowed";
    case 409:
      return "Not possible now";
    case 411:
      return "Length required";
    case 413:
      return "Too large";
    case 415:
      return "Unsupported media type";
    case 429:
      return "Too many failed attempts";
    case 431:
      return "Header too large";
    case 501:
      return "Not served";
    case 503:
      return "Not available now";
    case 504:
      return "Took too long";
    default:
      return http_status < 500 ? "Bad request" : "Internal error";
  }
}

std::string Serialize(int http_status, const char* code, const std::string& detail, const std::string& next) {
  nlohmann::ordered_json problem;
  problem["title"] = Title(http_status);
  problem["status"] = http_status;
  if (code != nullptr) problem["code"] = code;
  problem["detail"] = detail;
  problem["next"] = next;
  // What is not UTF-8 is replaced: this must never throw.
  return problem.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

Problem ProblemFor(const absl::Status& status) {
  const Row& row = RowOf(status.code());
  std::string detail(ToStd(status.message()));
  std::string next = row.next;
  if (row.http == 500) {
    detail = "something went wrong inside the control plane";
  } else if (const size_t cut = detail.rfind("; "); cut != std::string::npos) {
    next = detail.substr(cut + 2);
    detail.resize(cut);
  }
  return {.status = row.http, .body = Serialize(row.http, row.name, detail, next)};
}

std::string ProblemBody(int http_status, const std::string& detail, const std::string& next) {
  return Serialize(http_status, nullptr, detail, next);
}

}  // namespace perigee::control
