// HTTPS to the control plane before there is a certificate (enrol, login,
// recover). The server is believed only when its chain ends at the given root and
// names kControlPlaneName; the machine's own trust store plays no part. TLS 1.3 only.
// Goes through the proxy of HTTPS_PROXY or https_proxy unless NO_PROXY names the host.
//
//   PERIGEE_ASSIGN_OR_RETURN(auto root, FetchRootByHash("https://198.51.100.7:7443", "sha256:..."));
//   PERIGEE_ASSIGN_OR_RETURN(auto client, HttpsClient::New({.base_url = url, .roots_pem = root}));
//   PERIGEE_ASSIGN_OR_RETURN(auto response, client.Post("/enroll/v1/requests", body));
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "shared/base/limits.h"
#include "shared/pki/issue.h"

namespace perigee {

struct HttpsResponse {
  int status = 0;
  std::string body;
};

// Not thread-safe. Each call makes its own connection.
class HttpsClient {
 public:
  struct Config {
    std::string base_url;                          // https://HOST[:PORT]; IPv6 in brackets
    std::string roots_pem;                         // whom to believe
    std::string server_name = kControlPlaneName;   // what the certificate must say
    absl::Duration timeout = absl::Seconds(15);    // to connect, and of silence
    uint64_t body_limit = limits::kHttpBodyBytes;  // of a response
    std::optional<absl::Time> verify_at = {};      // VerificationTime(); else now
    std::string bearer_token = {};
  };
  // INVALID_ARGUMENT for a URL or root that is none.
  static absl::StatusOr<HttpsClient> New(Config config);

  // Any status of HTTP is a response. UNAVAILABLE: no connection. UNAUTHENTICATED: not the
  // server we mean. RESOURCE_EXHAUSTED: body too large. DEADLINE_EXCEEDED: silence.
  absl::StatusOr<HttpsResponse> Get(const std::string& path);
  absl::StatusOr<HttpsResponse> Post(const std::string& path, std::string_view json);

 private:
  explicit HttpsClient(Config config) : config_(std::move(config)) {}
  Config config_;
};

// Gets /ca.pem from a server nobody vouches for yet, and returns it (PEM) only if its hash is `ca_hash`
// (see Certificate::Hash). UNAUTHENTICATED, naming both hashes, when it is not.
absl::StatusOr<std::string> FetchRootByHash(const std::string& base_url, const std::string& ca_hash,
                                            absl::Duration timeout = absl::Seconds(15));

}  // namespace perigee
