// The HTTPS front: the doors that come before a client certificate (enrolment,
// login, recovery) and the ones for machines (health, readiness, metrics, the root
// certificate). Requests are parsed and routed by cpp-httplib; sockets, TLS and
// all limits are ours, because its pool of blocking threads can be stopped by silent
// clients and its limits do not hold for chunked bodies and long headers.
//
// Invariants: TLS 1.3 only; every route has a row in the table of authorization or
// Start fails; a request is bounded in bytes and in time; no body is ever logged.
//
//   auto front = HttpsFront::Start({.address = "0.0.0.0", .port = 7443}, deps);
//   (*front)->port();
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shared/base/clock.h"

namespace perigee::control {

class AuthorizationTable;
class CertificateAuthority;
class Enrolment;
class Login;
class Metrics;
class SatelliteIdentity;

struct HttpsFrontOptions {
  std::string address = "0.0.0.0";
  int port = 7443;  // 0: a free one
  int threads = 16;
  int threads_per_address = 4;
  int connections = 512;  // in all; more are closed at once
  int connections_per_address = 64;
  absl::Duration silence = absl::Seconds(5);   // from connect to the first byte
  absl::Duration greeting = absl::Seconds(5);  // from the first byte to the end of the request's header
  absl::Duration request = absl::Seconds(20);  // from the first byte to the last of the answer
};

// All outlive the front; all thread-safe.
struct HttpsFrontDeps {
  const CertificateAuthority& authority;
  Enrolment& enrolment;
  SatelliteIdentity& satellites;
  Login& login;
  const AuthorizationTable& authorization;
  Metrics& metrics;
  // OK when store, model and gRPC serve; the message says what does not.
  std::function<absl::Status()> ready;
};

class HttpsFront {
 public:
  static absl::StatusOr<std::unique_ptr<HttpsFront>> Start(HttpsFrontOptions options, HttpsFrontDeps deps);
  ~HttpsFront();
  int port() const;
  // Ends all connections; returns when every thread has. Idempotent.
  void Stop();

 private:
  class Impl;
  explicit HttpsFront(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace perigee::control
