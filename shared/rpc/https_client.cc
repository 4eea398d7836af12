#include "shared/rpc/https_client.h"

#include <httplib.h>
#include <openssl/ssl.h>

#include <chrono>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "shared/base/status.h"
#include "shared/pki/openssl.h"

namespace perigee {
namespace {

constexpr int kDefaultPort = 443;
constexpr size_t kLongestUrl = 512;
constexpr char kJson[] = "application/json";

struct Address {
  std::string host;
  int port = 0;
};

absl::Status BadUrl(std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(ToAbsl(what), " is not a server's address: write https://HOST:PORT without a path"));
}

absl::StatusOr<Address> ParseHostPort(std::string_view text, int default_port) {
  Address address{"", default_port};
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return BadUrl(text);
    address.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else {
    const size_t colon = text.find(':');
    address.host = text.substr(0, colon);
    port = colon == std::string_view::npos ? "" : text.substr(colon);
  }
  if (address.host.empty() || address.host.find_first_of("/?#@ \r\n\\") != std::string::npos)
    return BadUrl(text);
  if (port.empty()) return address;
  const std::string_view digits = port.substr(1);
  const bool valid = port.front() == ':' && !digits.empty() && digits.size() <= 5 &&
                     digits.find_first_not_of("0123456789") == std::string_view::npos &&
                     absl::SimpleAtoi(ToAbsl(digits), &address.port) && address.port > 0 &&
                     address.port <= 65535;
  if (!valid) return BadUrl(text);
  return address;
}

absl::StatusOr<Address> ParseUrl(std::string_view url, std::string_view scheme, int default_port) {
  if (url.size() > kLongestUrl || !url.starts_with(scheme)) return BadUrl(url.substr(0, kLongestUrl));
  std::string_view rest = url.substr(scheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  return ParseHostPort(rest, default_port);
}

std::string Environment(const char* upper, const char* lower) {
  const char* value = std::getenv(lower);
  if (value == nullptr) value = std::getenv(upper);
  return value == nullptr ? "" : value;
}

// Whether NO_PROXY names the host: itself, a domain above it, or "*".
bool GoesDirectly(const std::string& host) {
  const std::string exceptions = Environment("NO_PROXY", "no_proxy");
  const std::vector<std::string> all = absl::StrSplit(exceptions, ',', absl::SkipWhitespace());
  for (std::string exception : all) {
    absl::StripAsciiWhitespace(&exception);
    if (exception.starts_with('.')) exception.erase(0, 1);
    if (exception == "*" || exception == host || absl::EndsWith(host, "." + exception)) return true;
  }
  return false;
}

absl::Status SetProxy(httplib::SSLClient& client, const std::string& host) {
  const std::string proxy = Environment("HTTPS_PROXY", "https_proxy");
  if (proxy.empty() || GoesDirectly(host)) return absl::OkStatus();
  constexpr std::string_view kScheme = "http://";
  const std::string url = proxy.starts_with(kScheme) ? proxy : std::string(kScheme) + proxy;
  constexpr int kProxyPort = 3128;
  const auto address = ParseUrl(url, kScheme, kProxyPort);
  if (!address.ok()) return absl::InvalidArgumentError("HTTPS_PROXY is not of the form http://HOST:PORT");
  client.set_proxy(address->host, address->port);
  return absl::OkStatus();
}

// What the library's own verification (which mixes in the machine's trust store) is replaced by.
absl::Status Pin(SSL_CTX* context, const HttpsClient::Config& config) {
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<Certificate> roots,
                           Certificate::BundleFromPem(config.roots_pem));
  openssl::OwnedStore store(X509_STORE_new());
  for (const Certificate& root : roots) {
    if (X509_STORE_add_cert(store.get(), root.get()) != 1) {
      return openssl::Error(absl::StatusCode::kInternal, "trusting a root");
    }
  }
  SSL_CTX_set_cert_store(context, store.release());
  X509_VERIFY_PARAM* const parameters = SSL_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_host(parameters, config.server_name.c_str(), config.server_name.size()) != 1) {
    return openssl::Error(absl::StatusCode::kInternal, "naming the server");
  }
  if (config.verify_at.has_value()) X509_VERIFY_PARAM_set_time(parameters, absl::ToTimeT(*config.verify_at));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  return absl::OkStatus();
}

// Connection settings of every call; who the server must be is up to the caller.
absl::StatusOr<std::unique_ptr<httplib::SSLClient>> Connect(const std::string& base_url,
                                                            absl::Duration timeout) {
  PERIGEE_ASSIGN_OR_RETURN(const Address address, ParseUrl(base_url, "https://", kDefaultPort));
  auto client = std::make_unique<httplib::SSLClient>(address.host, address.port);
  if (!client->is_valid()) return openssl::Error(absl::StatusCode::kInternal, "preparing a TLS connection");
  client->enable_server_certificate_verification(false);
  client->set_follow_location(false);
  client->set_keep_alive(false);
  const auto wait = absl::ToChronoMicroseconds(timeout);
  client->set_connection_timeout(wait);
  client->set_read_timeout(wait);
  client->set_write_timeout(wait);
  SSL_CTX_set_min_proto_version(client->ssl_context(), TLS1_3_VERSION);
  PERIGEE_RETURN_IF_ERROR(SetProxy(*client, address.host));
  return client;
}

absl::Status FailureOf(httplib::Error error, const std::string& base_url) {
  const std::string where = absl::StrCat(base_url, ": ");
  switch (error) {
    case httplib::Error::SSLConnection:
    case httplib::Error::SSLLoadingCerts:
    case httplib::Error::SSLServerVerification:
      return openssl::Error(
          absl::StatusCode::kUnauthenticated,
          absl::StrCat(where, "no TLS connection to the control plane that the pinned CA vouches for"));
    case httplib::Error::ConnectionTimeout:
    case httplib::Error::Read:
      return absl::DeadlineExceededError(absl::StrCat(where, "no complete answer in time"));
    case httplib::Error::Canceled:
      return absl::ResourceExhaustedError(
          absl::StrCat(where, "the answer is larger, or takes longer, than allowed"));
    default:
      return absl::UnavailableError(absl::StrCat(where, "no connection (", httplib::to_string(error),
                                                 "): is the address right, is the control plane running?"));
  }
}

struct Bounds {
  absl::Duration timeout;
  uint64_t body;
};

// One request and its answer.
absl::StatusOr<HttpsResponse> Exchange(httplib::SSLClient& client, httplib::Request request, Bounds bounds,
                                       const std::string& base_url) {
  HttpsResponse answer;
  // The library's timeout starts again with each byte: a body that drips has a limit of its own.
  constexpr int kBodyTimeouts = 4;
  const auto latest =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(kBodyTimeouts * bounds.timeout);
  request.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    if (answer.body.size() + size > bounds.body || std::chrono::steady_clock::now() > latest) return false;
    answer.body.append(data, size);
    return true;
  };
  try {
    const httplib::Result result = client.send(request);
    if (!result) return FailureOf(result.error(), base_url);
    answer.status = result->status;
    return answer;
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat(base_url, ": ", error.what()));
  }
}

absl::StatusOr<HttpsResponse> Send(const HttpsClient::Config& config, httplib::Request request) {
  PERIGEE_ASSIGN_OR_RETURN(const auto client, Connect(config.base_url, config.timeout));
  PERIGEE_RETURN_IF_ERROR(Pin(client->ssl_context(), config));
  if (!config.bearer_token.empty()) request.headers.emplace("Authorization", "Bearer " + config.bearer_token);
  request.headers.emplace("Accept", kJson);
  return Exchange(*client, std::move(request), {config.timeout, config.body_limit}, config.base_url);
}

}  // namespace

absl::StatusOr<HttpsClient> HttpsClient::New(Config config) {
  PERIGEE_RETURN_IF_ERROR(ParseUrl(config.base_url, "https://", kDefaultPort));
  PERIGEE_RETURN_IF_ERROR(Certificate::BundleFromPem(config.roots_pem));
  if (config.server_name.empty()) return absl::InvalidArgumentError("the server's name must be given");
  return HttpsClient(std::move(config));
}

absl::StatusOr<HttpsResponse> HttpsClient::Get(const std::string& path) {
  httplib::Request request;
  request.method = "GET";
  request.path = path;
  return Send(config_, std::move(request));
}

absl::StatusOr<HttpsResponse> HttpsClient::Post(const std::string& path, std::string_view json) {
  httplib::Request request;
  request.method = "POST";
  request.path = path;
  request.body = json;
  request.headers.emplace("Content-Type", kJson);
  return Send(config_, std::move(request));
}

absl::StatusOr<std::string> FetchRootByHash(const std::string& base_url, const std::string& ca_hash,
                                            absl::Duration timeout) {
  PERIGEE_ASSIGN_OR_RETURN(const std::string expected, ParseCaHash(ca_hash));
  PERIGEE_ASSIGN_OR_RETURN(const auto client, Connect(base_url, timeout));
  httplib::Request request;
  request.method = "GET";
  request.path = "/ca.pem";
  PERIGEE_ASSIGN_OR_RETURN(
      const HttpsResponse response,
      Exchange(*client, std::move(request), {timeout, limits::kHttpBodyBytes}, base_url));
  if (response.status != 200) {
    return absl::UnavailableError(absl::StrCat(base_url, "/ca.pem: status ", response.status,
                                               ": is this a Perigee control plane's HTTPS port?"));
  }
  const auto root = Certificate::FromPem(response.body);
  if (!root.ok()) return Annotate(root.status(), absl::StrCat(base_url, "/ca.pem"));
  if (root->Hash() != expected) {
    return absl::UnauthenticatedError(
        absl::StrCat(base_url, " shows a CA with hash ", root->Hash(), ", expected ", expected,
                     ": either the hash is of another control plane, or somebody stands between"));
  }
  return root->ToPem();
}

}  // namespace perigee
