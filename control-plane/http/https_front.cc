#include "control-plane/http/https_front.h"

#include <algorithm>
#include <deque>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "control-plane/access/authorization.h"
#include "control-plane/http/listener.h"
#include "control-plane/http/metrics.h"
#include "control-plane/http/request_server.h"
#include "control-plane/http/routes.h"
#include "control-plane/http/tls_connection.h"
#include "control-plane/identity/certificate_authority.h"
#include "shared/base/process.h"
#include "shared/base/status.h"
#include "shared/telemetry/log.h"

namespace perigee::control {
namespace {

// Each route asks the table each time, as anybody: there is no client certificate here.
std::vector<Route> Guard(std::vector<Route> routes, const AuthorizationTable& table, Counter& requests) {
  for (Route& route : routes) {
    route.serve = [serve = route.serve, name = route.name(), &table, &requests](const HttpRequest& request) {
      requests.Add(1);
      const absl::Status allowed = table.Authorize(AnonymousCaller("https"), name);
      return allowed.ok() ? serve(request) : ReplyWith(allowed);
    };
  }
  return routes;
}

std::vector<std::string> NamesOf(const std::vector<Route>& routes) {
  std::vector<std::string> names;
  for (const Route& route : routes) names.push_back(route.name());
  return names;
}

}  // namespace

class HttpsFront::Impl {
 public:
  Impl(HttpsFrontOptions options, const HttpsFrontDeps& deps, std::vector<Route> routes)
      : options_(std::move(options)), authority_(deps.authority), server_(std::move(routes)) {}
  ~Impl() { Stop(); }

  absl::Status Start() {
    PERIGEE_RETURN_IF_ERROR(CurrentContext().status());
    PERIGEE_ASSIGN_OR_RETURN(listener_,
                             Listener::Start({.address = options_.address,
                                              .port = options_.port,
                                              .connections = options_.connections,
                                              .connections_per_address = options_.connections_per_address,
                                              .silence = absl::ToChronoMilliseconds(options_.silence)},
                                             [this](std::unique_ptr<Connection> connection) {
                                               absl::MutexLock lock(&mutex_);
                                               if (!stopping_) waiting_.push_back(std::move(connection));
                                             }));
    for (int i = 0; i < options_.threads; ++i) {
      threads_.emplace_back([this, name = absl::StrCat("https-", i)] {
        NameThread(name.c_str());
        Work();
      });
    }
    return absl::OkStatus();
  }

  int port() const { return listener_->port(); }

  void Stop() {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    if (listener_ != nullptr) listener_->Stop();
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
    absl::MutexLock lock(&mutex_);
    waiting_.clear();
  }

 private:
  // The first that waits whose address does not occupy its share of the threads already.
  std::deque<std::unique_ptr<Connection>>::iterator FirstServable() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    auto found = waiting_.begin();
    for (; found != waiting_.end(); ++found) {
      const auto busy = busy_.find((*found)->address());
      if (busy == busy_.end() || busy->second < options_.threads_per_address) break;
    }
    return found;
  }

  bool Ready() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || FirstServable() != waiting_.end();
  }

  std::unique_ptr<Connection> Next() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &Impl::Ready));
    if (stopping_) return nullptr;
    const auto first = FirstServable();
    std::unique_ptr<Connection> next = std::move(*first);
    waiting_.erase(first);
    ++busy_[next->address()];
    return next;
  }

  void Served(const std::string& address) {
    absl::MutexLock lock(&mutex_);
    const auto busy = busy_.find(address);
    if (--busy->second == 0) busy_.erase(busy);
  }

  void Work() {
    while (const std::unique_ptr<Connection> connection = Next()) {
      const absl::Cleanup served = [&] { Served(connection->address()); };
      const absl::StatusOr<std::shared_ptr<SSL_CTX>> context = CurrentContext();
      if (!context.ok()) {
        Log(Level::kError, "HTTPS cannot use its certificate", {{"error", context.status()}});
        continue;
      }
      const auto now = std::chrono::steady_clock::now();
      const auto whole = now + absl::ToChronoMilliseconds(options_.request);
      // A stranger who stalls before saying what is wanted holds a thread for this long only.
      const auto greeting = std::min(whole, now + absl::ToChronoMilliseconds(options_.greeting));
      const absl::StatusOr<std::unique_ptr<TlsConnection>> tls =
          TlsConnection::Accept(connection->socket(), *context, greeting);
      if (tls.ok()) server_.Serve(**tls, connection->address(), whole);
    }
  }

  // With the authority's present certificate, however often that is renewed.
  absl::StatusOr<std::shared_ptr<SSL_CTX>> CurrentContext() {
    const ServerIdentity identity = authority_.server();
    absl::MutexLock lock(&context_mutex_);
    if (context_ != nullptr && generation_ == identity.generation) return context_;
    PERIGEE_ASSIGN_OR_RETURN(context_, NewServerContext(identity.key_pem, identity.chain_pem));
    generation_ = identity.generation;
    return context_;
  }

  const HttpsFrontOptions options_;
  const CertificateAuthority& authority_;
  RequestServer server_;

  absl::Mutex context_mutex_;
  std::shared_ptr<SSL_CTX> context_ ABSL_GUARDED_BY(context_mutex_);
  int generation_ ABSL_GUARDED_BY(context_mutex_) = 0;

  std::unique_ptr<Listener> listener_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::unique_ptr<Connection>> waiting_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, int> busy_ ABSL_GUARDED_BY(mutex_);  // threads, by address
  std::vector<std::thread> threads_;
};

absl::StatusOr<std::unique_ptr<HttpsFront>> HttpsFront::Start(HttpsFrontOptions options,
                                                              HttpsFrontDeps deps) {
  std::vector<Route> routes = RoutesOf(deps);
  PERIGEE_RETURN_IF_ERROR(deps.authorization.CheckCoverage(NamesOf(routes)));
  Counter& requests = deps.metrics.AddCounter("perigee_https_requests_total", "Requests served over HTTPS.");
  auto impl = std::make_unique<Impl>(std::move(options), deps,
                                     Guard(std::move(routes), deps.authorization, requests));
  PERIGEE_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<HttpsFront>(new HttpsFront(std::move(impl)));
}

HttpsFront::HttpsFront(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpsFront::~HttpsFront() = default;
int HttpsFront::port() const {
  return impl_->port();
}
void HttpsFront::Stop() {
  impl_->Stop();
}

}  // namespace perigee::control
