// One request on one connection: judged by us, parsed, routed and answered by
// cpp-httplib. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control-plane/http/routes.h"
#include "control-plane/http/tls_connection.h"

namespace perigee::control {

class RequestServer {
 public:
  explicit RequestServer(std::vector<Route> routes);
  ~RequestServer();
  RequestServer(const RequestServer&) = delete;
  RequestServer& operator=(const RequestServer&) = delete;

  // Reads a request, answers, and ends the connection. The header by the connection's deadline, the rest by `deadline`.
  void Serve(TlsConnection& connection, const std::string& address, TlsConnection::Deadline deadline);

 private:
  class Library;
  const std::unique_ptr<Library> library_;
};

}  // namespace perigee::control
