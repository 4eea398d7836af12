// The gRPC front: CloudService and SatelliteService on one port with mutual TLS 1.3. Callbacks of the library only
// post to our worker pool or to the hub. Invariants: no connection without a client certificate of our CA; every method
// that is served has a row in the table of authorization, or Start fails; messages and queues are bounded.
//
//   auto server = GrpcServer::Start({.address = "0.0.0.0", .port = 7444, .identity_file = f, .roots_file = r}, deps);
//   (*server)->port();
//   (*server)->Stop(absl::Milliseconds(500));   // after SessionHub::Stop, so that satellites get their goodbye
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "control-plane/access/authorization.h"
#include "control-plane/access/deny_list.h"
#include "control-plane/api/api.h"
#include "control-plane/identity/satellite_identity.h"
#include "control-plane/sessions/hub.h"

namespace perigee::control {

struct GrpcServerOptions {
  std::string address = "0.0.0.0";
  int port = 7444;            // 0: a free one
  std::string identity_file;  // PEM: key and chain; taken up anew when it changes
  std::string roots_file;     // PEM
  int threads = 8;
};

struct GrpcServerDeps {  // all outlive the server
  Api& api;
  SessionHub& hub;
  SatelliteIdentity& satellites;
  const DenyList& deny_list;
  const AuthorizationTable& table = AuthorizationTable::BuiltIn();
};

class GrpcServer {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(GrpcServerOptions options,
                                                                         GrpcServerDeps deps);
  ~GrpcServer();
  int port() const;
  // Calls that last longer are cancelled. Idempotent.
  void Stop(absl::Duration grace);

 private:
  class Impl;
  explicit GrpcServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Every method of both services, as the table names them.
std::vector<std::string> ServedMethods();

}  // namespace perigee::control
