// The server's end of one TLS connection over a socket of ours, with a deadline
// for everything that happens on it until another is set. Not thread-safe.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "shared/base/files.h"

namespace perigee::control {

// TLS 1.3 only, no tickets and no resumption, with the first certificate, its chain and the key found in the PEMs.
[[nodiscard]] absl::StatusOr<std::shared_ptr<SSL_CTX>> NewServerContext(const std::string& key_pem,
                                                                        const std::string& chain_pem);

class TlsConnection {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  // Shakes hands on the non-blocking `socket`, which stays the caller's to close.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<TlsConnection>> Accept(int socket,
                                                                             std::shared_ptr<SSL_CTX> context,
                                                                             Deadline deadline);

  void set_deadline(Deadline deadline) { deadline_ = deadline; }
  // Some bytes; 0 at the end. DEADLINE_EXCEEDED, UNAVAILABLE when the peer has gone.
  [[nodiscard]] absl::StatusOr<size_t> Read(char* buffer, size_t size);
  [[nodiscard]] absl::Status Write(std::string_view bytes);
  // Says that no more comes, and then reads and drops at most `drain` bytes, so that what
  // the peer still sends does not make the kernel throw our answer away.
  void Finish(size_t drain);

 private:
  TlsConnection(int socket, std::shared_ptr<SSL_CTX> context, Deadline deadline);
  // Waits for what OpenSSL asked for by `result`.
  [[nodiscard]] absl::Status WaitAfter(int result);

  const int socket_;
  Deadline deadline_;
  const std::shared_ptr<SSL_CTX> context_;
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

}  // namespace perigee::control
