#include "control-plane/http/request_server.h"

#include <httplib.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "control-plane/http/header_block.h"
#include "control-plane/http/problem.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/telemetry/log.h"

namespace perigee::control {
namespace {

constexpr size_t kDrainBytes = 1 << 20;
constexpr char kProblemType[] = "application/problem+json";
// Nothing here is for a browser to keep, run, sniff or frame.
constexpr std::pair<const char*, const char*> kHeaders[] = {
    {"Cache-Control", "no-store"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"Referrer-Policy", "no-referrer"},
    {"Strict-Transport-Security", "max-age=31536000"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
};

// The head that was judged, then the body, with a budget the library cannot overrun.
class BoundedStream final : public httplib::Stream {
 public:
  BoundedStream(TlsConnection& connection, const std::string& address, std::string head, std::string body)
      : connection_(connection), address_(address), ready_(std::move(head) + body) {
    budget_ = limits::kHttpBodyBytes - std::min<size_t>(limits::kHttpBodyBytes, body.size());
  }

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }

  ssize_t read(char* buffer, size_t size) override {
    if (at_ < ready_.size()) {
      const size_t count = std::min(size, ready_.size() - at_);
      std::copy_n(ready_.data() + at_, count, buffer);
      at_ += count;
      return static_cast<ssize_t>(count);
    }
    const absl::StatusOr<size_t> count = connection_.Read(buffer, std::min(size, budget_));
    if (!count.ok()) return -1;
    budget_ -= *count;
    return static_cast<ssize_t>(*count);
  }
  ssize_t write(const char* bytes, size_t size) override {
    return connection_.Write({bytes, size}).ok() ? static_cast<ssize_t>(size) : -1;
  }
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip = address_;
    port = 0;
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  // The library looks at its number only (it must be below FD_SETSIZE).
  socket_t socket() const override { return 0; }

 private:
  TlsConnection& connection_;
  const std::string& address_;
  const std::string ready_;
  size_t at_ = 0;
  size_t budget_ = 0;
};

struct Head {
  absl::Status status;  // why there is none
  std::string block;    // up to and with the empty line; longer than kHeaderBytes: it had none
  std::string rest;     // first bytes of the body
};

Head ReadHead(TlsConnection& connection) {
  Head head;
  std::array<char, 4096> buffer;
  while (head.block.size() <= kHeaderBytes) {
    const absl::StatusOr<size_t> count = connection.Read(buffer.data(), buffer.size());
    if (!count.ok() || *count == 0) {
      head.status = count.ok() ? absl::UnavailableError("the peer ended the connection") : count.status();
      return head;
    }
    const size_t from = head.block.size() < 3 ? 0 : head.block.size() - 3;
    head.block.append(buffer.data(), *count);
    if (const size_t end = head.block.find("\r\n\r\n", from); end != std::string::npos) {
      head.rest = head.block.substr(end + 4);
      head.block.resize(end + 4);
      return head;
    }
  }
  return head;
}

std::string Refusal(const HeaderVerdict& verdict) {
  const std::string body =
      ProblemBody(verdict.refuse, verdict.detail, "correct the request and send it again");
  std::string answer = absl::StrCat("HTTP/1.1 ", verdict.refuse, " Refused\r\nContent-Type: ", kProblemType,
                                    "\r\nContent-Length: ", body.size(), "\r\nConnection: close\r\n");
  for (const auto& [name, value] : kHeaders) absl::StrAppend(&answer, name, ": ", value, "\r\n");
  absl::StrAppend(&answer, "\r\n", body);
  return answer;
}

void Answer(const HttpReply& reply, httplib::Response& response) {
  response.status = reply.status;
  response.set_content(reply.body, reply.content_type);
  if (reply.status == 429) response.set_header("Retry-After", "60");
  if (reply.status == 503) response.set_header("Retry-After", "5");
}

}  // namespace

// Used for its grammar only: it never listens and never sees a socket.
class RequestServer::Library final : public httplib::Server {
 public:
  explicit Library(std::vector<Route> routes) : routes_(std::move(routes)) {
    httplib::Headers headers;
    for (const auto& [name, value] : kHeaders) headers.emplace(name, value);
    set_default_headers(std::move(headers));
    set_payload_max_length(limits::kHttpBodyBytes);
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      return CheckRoute(request, response);
    });
    set_error_handler([](const httplib::Request&, httplib::Response& response) {
      if (!response.body.empty()) return;
      const std::string body =
          ProblemBody(response.status, "the request was not understood", "correct it and send it again");
      response.set_content(body, kProblemType);
    });
    set_exception_handler([](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
      Answer(ReplyWith(absl::InternalError("an exception while serving HTTPS")), response);
    });
    for (const Route& route : routes_) Register(route);
  }

  void Process(httplib::Stream& stream) {
    bool closed = false;
    process_request(stream, /*close_connection=*/true, closed, nullptr);
  }

 private:
  void Register(const Route& route) {
    // The library takes paths as regular expressions; ours are words with dots.
    const std::string pattern = absl::StrReplaceAll(route.path, {{".", "\\."}});
    auto handler = [&route](const httplib::Request& request, httplib::Response& response) {
      Answer(route.serve({.body = request.body, .address = request.remote_addr}), response);
    };
    if (route.method == "POST") {
      Post(pattern, std::move(handler));
    } else {
      Get(pattern, std::move(handler));
    }
  }

  // Before the body is read: an unknown path or method needs none.
  HandlerResponse CheckRoute(const httplib::Request& request, httplib::Response& response) const {
    const std::string method = request.method == "HEAD" ? "GET" : request.method;
    const Route* other = nullptr;
    for (const Route& route : routes_) {
      if (route.path != request.path) continue;
      if (route.method == method) return HandlerResponse::Unhandled;
      other = &route;
    }
    response.status = other != nullptr ? 405 : 404;
    if (other != nullptr) response.set_header("Allow", other->method);
    const std::string next =
        other != nullptr ? "use " + other->method : "check the path and this server's version";
    response.set_content(ProblemBody(response.status, "nothing is served here", next), kProblemType);
    return HandlerResponse::Handled;
  }

  const std::vector<Route> routes_;
};

RequestServer::RequestServer(std::vector<Route> routes)
    : library_(std::make_unique<Library>(std::move(routes))) {}
RequestServer::~RequestServer() = default;

void RequestServer::Serve(TlsConnection& connection, const std::string& address,
                          TlsConnection::Deadline deadline) {
  Head head = ReadHead(connection);
  if (!head.status.ok()) return;
  connection.set_deadline(deadline);
  HeaderVerdict verdict = JudgeHeader(head.block, limits::kHttpBodyBytes);
  if (verdict.refuse != 0) {
    if (connection.Write(Refusal(verdict)).ok()) connection.Finish(kDrainBytes);
    return;
  }
  BoundedStream stream(connection, address, std::move(verdict.block), std::move(head.rest));
  try {
    library_->Process(stream);
  } catch (const std::exception&) {
    Log(Level::kError, "the HTTP library threw; the connection is closed");
    return;
  }
  connection.Finish(kDrainBytes);
}

}  // namespace perigee::control
